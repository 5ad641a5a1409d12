"""What is written by hand although torchaudio has something like it, beside torchaudio's.

    python tests/benchmarks/bench_torchaudio.py [--threads 2] [--rounds 15] [--cpu]

Prints the table of docs/benchmarks.md: 64 clips of one second at 16 kHz, ours and torchaudio's in
turn in one process, medians. With --cpu it is the processor's time, which other processes on the
machine do not lengthen; take one thread then. Differences are the largest one as a share of the
largest value, where both mean the same.
"""

from __future__ import annotations

import argparse
import math
import statistics
import time
import warnings
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import torch
import torchaudio.functional as F
from torch import Tensor
from torchaudio.transforms import MelSpectrogram, Spectrogram

from search_spaces.augment import BandStop, Equalizer, Gain, TimeMask
from search_spaces.augment.noise import add
from search_spaces.augment.resampling import play
from search_spaces.augment.rows import on_chosen
from search_spaces.front_end.amplitude import Db
from search_spaces.front_end.deltas import with_deltas
from search_spaces.front_end.spectra import StftBands
from search_spaces.scales import Linear, Mel, triangular_bank
from study.corpus.audio.samples import resample

CLIPS, RATE, HOP = 64, 16_000, 160


class Pair(NamedTuple):
    """Two ways to do one thing; `compare` says how the results differ."""

    part: str
    ours: Callable[[], Tensor]
    theirs: Callable[[], Tensor]
    compare: Callable[[Tensor, Tensor], str]
    why: str


def share(ours: Tensor, theirs: Tensor) -> str:
    """Return the largest difference as a share of the largest value."""
    return f"{float((ours - theirs).abs().max() / ours.abs().max()):.0e}"


def said(text: str) -> Callable[[Tensor, Tensor], str]:
    """Return a comparison in words."""
    return lambda ours, theirs: text


def empty_bands(ours: Tensor, theirs: Tensor) -> str:
    """Return how many bands of each hear nothing, and how far the others are apart."""
    empty = theirs.sum(1) == 0
    rows = theirs / theirs.sum(1, keepdim=True)
    apart = float((ours - rows)[~empty].abs().max())
    return f"{int((ours.sum(1) == 0).sum())} and {int(empty.sum())} empty; weights {apart:.0e}"


def pairs() -> Iterator[Pair]:
    """Yield every pair, on the same random clips."""
    generator = torch.Generator().manual_seed(0)

    def random(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=generator)

    waves = torch.randn(CLIPS, RATE, generator=generator) / 10
    yield from spectra(waves)
    power, large = random(CLIPS, 1, 64, 101), random(CLIPS, 3, 128, 101)
    yield Pair(
        "decibels, three channels of 128 bands",
        lambda: Db().apply(large),
        lambda: F.amplitude_to_DB(large, 10.0, 1e-8, 0.0),
        share,
        "in place: two passes through memory fewer; one line either way",
    )
    yield Pair(
        "deltas and delta-deltas of 64 bands",
        lambda: with_deltas(power, width=9),
        lambda: twice_delta(power, 9),
        lambda a, b: f"first {share(a[:, 1], b[:, 1])}, second {share(a[:, 2], b[:, 2])}",
        "the second is the delta of the delta, over 17 frames; ours convolves as theirs does",
    )
    noise, snr = torch.randn(CLIPS, RATE, generator=generator), 20 * random(CLIPS)
    chosen = random(CLIPS) < 0.5
    silent = F.add_noise(waves, torch.zeros_like(waves), snr).isnan().any()
    yield Pair(
        "noise at a ratio, in some of the clips",
        lambda: on_chosen(add, chosen, waves, noise, snr),
        lambda: F.add_noise(waves, noise, torch.where(chosen, snr, math.inf)),
        share,
        f"a silent clip behind another gives {'NaN' if silent else 'no NaN'}; guarded it is slower",
    )
    factors = 0.9 + 0.2 * random(CLIPS)
    yield Pair(
        "speed, a factor per clip",
        lambda: play(waves, 100 * (factors - 1)),
        lambda: by_clip(waves, factors),
        said("steps of 1 %, other lengths"),
        "one factor per call, rounded so that it divides the rate; the clip becomes longer or"
        " shorter and begins at its start",
    )
    yield Pair(
        "equaliser of 6 points",
        lambda: Equalizer(1.0).waveforms(waves, sampling_rate=RATE, generator=generator),
        lambda: F.equalizer_biquad(waves, RATE, 1000.0, 3.0),
        said("one bump"),
        "one centre and gain for the whole batch, with a phase; six of them for ours",
    )
    yield Pair(
        "a stopped band per clip",
        lambda: BandStop(1.0).waveforms(waves, sampling_rate=RATE, generator=generator),
        lambda: F.bandreject_biquad(waves, RATE, 1000.0, 2.0),
        said("a notch"),
        "one centre for the whole batch, no flat bottom, with a phase",
    )
    yield Pair(
        "gain per clip",
        lambda: Gain(1.0).waveforms(waves, sampling_rate=RATE, generator=generator),
        lambda: F.gain(waves, 3.0),
        said("one gain"),
        "one gain for the whole batch",
    )
    images = torch.randn(CLIPS, 3, 128, 128, generator=generator)
    yield Pair(
        "time mask per clip",
        lambda: TimeMask(1.0).images(images, generator=generator),
        lambda: F.mask_along_axis_iid(images, 25, 0.0, 3),
        said("another value"),
        "one value for all channels, whose units differ; other places in each channel",
    )


def spectra(waves: Tensor) -> Iterator[Pair]:
    """Yield power per band and what it is made of."""
    for n_bands, n_fft in ((40, 2048), (128, 512)):
        yield Pair(
            f"bank of {n_bands} mel bands on {n_fft} points",
            lambda b=n_bands, n=n_fft: triangular_bank(
                Mel(b, fmin=0.0), sampling_rate=RATE, n_fft=n
            ),
            lambda b=n_bands, n=n_fft: F.melscale_fbanks(n // 2 + 1, 0.0, RATE / 2, b, RATE).T,
            empty_bands,
            "bands narrower than a bin hear nothing; bark, ERB, log axes are not there",
        )
    bands = StftBands([25.0], [Mel()], n_fft=None, hop=HOP, sampling_rate=RATE)
    mel = MelSpectrogram(RATE, 512, 400, HOP, 20.0, n_mels=64, pad_mode="constant")
    scale = (2 / torch.hann_window(400).sum()) ** 2
    yield Pair(
        "mel spectrogram of 64 bands",
        lambda: bands(waves)[:, 0],
        lambda: mel(waves) * (scale / mel.mel_scale.fb.sum(0)[:, None]),
        share,
        "narrow bands differ, see the bank; the zeros of the bank are multiplied too",
    )
    three = StftBands([8.0, 16.0, 32.0], [Linear()], n_fft=None, hop=HOP, sampling_rate=RATE)
    single = [
        Spectrogram(three.n_fft, RATE * ms // 1000, HOP, pad_mode="constant") for ms in (8, 16, 32)
    ]
    yield Pair(
        "power in 128 linear bands, three windows",
        lambda: three(waves),
        lambda: torch.stack(
            [three.banks[0] @ s(waves) * (2 / s.window.sum()) ** 2 for s in single], dim=1
        ),
        share,
        "frames stay in the cache, the bank's zeros are left out; torchaudio's with our bank",
    )
    clip = np.random.default_rng(0).standard_normal(44_100).astype(np.float32)
    yield Pair(
        "resampling one second of 44.1 kHz, defaults",
        lambda: torch.from_numpy(resample(clip, 44_100, RATE)),
        lambda: F.resample(torch.from_numpy(clip), 44_100, RATE),
        lambda a, b: f"alias of 8.2 kHz {alias(ours_to)} and {alias(default_to)} dB",
        "decoders start without torch; the alias",
    )
    yield Pair(
        "the same, with as steep a filter",
        lambda: torch.from_numpy(resample(clip, 44_100, RATE)),
        lambda: steep_to(torch.from_numpy(clip)),
        lambda a, b: f"alias of 8.2 kHz {alias(ours_to)} and {alias(steep_to)} dB",
        "decoders start without torch",
    )


def ours_to(clip: Tensor) -> Tensor:
    """Return a clip of 44.1 kHz at 16 kHz."""
    return torch.from_numpy(resample(clip.numpy(), 44_100, RATE))


def default_to(clip: Tensor) -> Tensor:
    """Return the same by torchaudio."""
    return F.resample(clip, 44_100, RATE)


def steep_to(clip: Tensor) -> Tensor:
    """Return the same by torchaudio with a filter about as long as ours."""
    return F.resample(
        clip, 44_100, RATE, lowpass_filter_width=50, rolloff=0.95,
        resampling_method="sinc_interp_kaiser", beta=8.0,
    )  # fmt: skip


def alias(to_rate: Callable[[Tensor], Tensor]) -> int:
    """Return what is left of a full-scale sine just above the new half of the rate, in dB."""
    time_s = torch.arange(44_100, dtype=torch.float64) / 44_100
    sine = torch.sin(2 * math.pi * 8200 * time_s).float()
    return round(20 * math.log10(float(to_rate(sine)[2000:-2000].std()) * math.sqrt(2)))


def twice_delta(bands: Tensor, width: int) -> Tensor:
    """Return amplitudes with torchaudio's delta, and the delta of it."""
    delta = F.compute_deltas(bands, width)
    return torch.cat([bands, delta, F.compute_deltas(delta, width)], dim=1)


def by_clip(waves: Tensor, factors: Tensor) -> Tensor:
    """Return clips at a speed each, cut or filled with zeros, by torchaudio."""
    pairs_ = zip(waves, factors.tolist(), strict=True)
    played = [F.speed(wave, RATE, round(factor, 2))[0] for wave, factor in pairs_]
    return torch.stack([torch.nn.functional.pad(wave, (0, RATE))[:RATE] for wave in played])


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--cpu", action="store_true", help="Processor time instead of wall time.")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    clock = time.process_time if options.cpu else time.perf_counter
    warnings.simplefilter("ignore")  # torchaudio says which of its bands are empty
    print("| part | ours, ms | torchaudio, ms | difference in numbers | why ours stays |")
    print("|---|---|---|---|---|")
    with torch.no_grad():
        for pair in pairs():
            ours: list[float] = []
            theirs: list[float] = []
            for round_ in range(options.rounds + 2):
                for way, times in ((pair.ours, ours), (pair.theirs, theirs)):
                    started = clock()
                    way()
                    if round_ > 1:  # the first warm up
                        times.append(clock() - started)
            found = [f"{1000 * statistics.median(times):.2f}" for times in (ours, theirs)]
            difference = pair.compare(pair.ours(), pair.theirs())
            print(f"| {pair.part} | {' | '.join(found)} | {difference} | {pair.why} |", flush=True)


if __name__ == "__main__":
    main()

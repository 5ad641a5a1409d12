"""Frequency scales, judged by librosa, torchaudio, scipy, published tables and sweeps."""

from __future__ import annotations

import librosa
import numpy as np
import pytest
import scipy.signal
import torch
import torchaudio
from hypothesis import given, settings
from hypothesis import strategies as st

from search_spaces.front_end.amplitude import Power
from search_spaces.front_end.channels import Mono
from search_spaces.front_end.front_end import FrontEnd, Image, Spectrogram
from search_spaces.scales import (
    SCALES,
    Bark,
    ConstantQ,
    Erb,
    Gammatone,
    Linear,
    Log,
    Mel,
    band_edges,
    centres_hz,
    filter_bank,
    triangular_bank,
)

RATE = 16_000
EVERY = [*(kind() for kind in SCALES.kinds.values()), Mel(formula="slaney")]
NAMES = [*SCALES.kinds, "mel slaney"]
# Upper edges of the critical bands 1 to 24, Hz (Zwicker 1961).
CRITICAL_BANDS = [
    100, 200, 300, 400, 510, 630, 770, 920, 1080, 1270, 1480, 1720, 2000, 2320, 2700, 3150, 3700,
    4400, 5300, 6400, 7700, 9500, 12000, 15500,
]  # fmt: skip


def power(scale, waves, *, window_ms=64.0, hop_ms=10.0):
    """Return the power per band (bands, frames) of one waveform."""
    front = FrontEnd(
        Spectrogram(hop_ms=hop_ms),
        Mono(window_ms),
        scale,
        Power(),
        Image(normalize="none"),
        sampling_rate=RATE,
    )
    return front(waves[None])[0, 0]


@pytest.mark.parametrize("scale", EVERY, ids=NAMES)
def test_warping_there_and_back_is_the_identity(scale):
    hz = np.array([60.0, 440.0, 999.0, 1000.0, 1001.0, 7900.0])
    np.testing.assert_allclose(scale.unwarp(scale.warp(hz)), hz)


@pytest.mark.parametrize("formula", ["htk", "slaney"])
def test_mel_is_that_of_librosa_and_torchaudio(formula):
    hz = np.linspace(0, 8000, 500)
    theirs = librosa.hz_to_mel(hz, htk=formula == "htk")
    np.testing.assert_allclose(Mel(formula=formula).warp(hz), theirs, rtol=1e-12)
    ours = triangular_bank(
        Mel(n_bands=40, fmin=0, formula=formula), sampling_rate=RATE, n_fft=2048
    ).double()
    bank = torchaudio.functional.melscale_fbanks(1025, 0, RATE / 2, 40, RATE, mel_scale=formula)
    torch.testing.assert_close(ours, (bank / bank.sum(0)).T.double(), rtol=0, atol=2e-3)
    area = librosa.filters.mel(
        sr=RATE, n_fft=2048, n_mels=40, htk=formula == "htk", dtype=np.float64
    )
    area = area / area.sum(1, keepdims=True)
    np.testing.assert_allclose(ours.numpy(), area, rtol=0, atol=2e-3)


def test_bark_numbers_the_critical_bands_of_zwicker():
    # Traunmueller states 0.05 Bark for 200 Hz to 6.7 kHz.
    inside = [(z, hz) for z, hz in enumerate(CRITICAL_BANDS, 1) if 200 <= hz <= 6700]
    numbers, edges = (np.array(column, dtype=float) for column in zip(*inside, strict=True))
    np.testing.assert_allclose(Bark().warp(edges), numbers, rtol=0, atol=0.05)


@pytest.mark.parametrize("kind", [Erb, Gammatone])
def test_a_step_on_the_erb_scale_is_one_equivalent_rectangular_bandwidth(kind):
    hz = np.array([100.0, 500.0, 1000.0, 4000.0, 7000.0])
    bandwidth = 24.7 * (4.37 * hz / 1000 + 1)  # Glasberg and Moore 1990
    step = kind().unwarp(kind().warp(hz) + 0.5) - kind().unwarp(kind().warp(hz) - 0.5)
    np.testing.assert_allclose(step, bandwidth, rtol=5e-3)


def test_log_and_constant_q_bands_are_equally_wide_in_octaves():
    for scale in (Log(), ConstantQ()):
        octaves = np.diff(np.log2(band_edges(scale, RATE)))
        np.testing.assert_allclose(octaves, octaves[0])


def test_gammatone_bands_pass_what_scipys_filters_pass():
    n_fft, scale = 4096, Gammatone(n_bands=20, fmin=100)
    ours = filter_bank(scale, sampling_rate=RATE, n_fft=n_fft).double().numpy()
    hz = np.arange(n_fft // 2 + 1) * RATE / n_fft
    for row, centre in zip(ours, centres_hz(scale, RATE), strict=True):
        if centre > 6000:  # there the sampled filter hears its own image beyond half the rate
            continue
        b, a = scipy.signal.gammatone(centre, "fir", order=4, numtaps=4096, fs=RATE)
        _, response = scipy.signal.freqz(b, a, worN=hz, fs=RATE)
        theirs = np.abs(response) ** 2
        np.testing.assert_allclose(row / row.max(), theirs / theirs.max(), rtol=0, atol=1e-3)


@pytest.fixture(scope="module")
def semitones():
    """Return a constant-Q scale of semitones, its window, noise, and its powers of the noise."""
    n_bands, low, step = 60, 110.0, 2 ** (1 / 12)
    scale = ConstantQ(n_bands=n_bands, fmin=low / step, fmax=low * step**n_bands)
    waves = torch.randn(2 * RATE, generator=torch.Generator().manual_seed(0))
    q = (step**2 + 1) / (step**2 - 1)  # as librosa takes it from the distance of bands
    return scale, waves.numpy(), power(scale, waves, window_ms=4 * q, hop_ms=16).numpy()


def test_constant_q_bands_are_inner_products_with_librosas_wavelets(semitones):
    scale, waves, ours = semitones
    wavelets, _ = librosa.filters.wavelet(
        freqs=centres_hz(scale, RATE), sr=RATE, window="hann", pad_fft=False, norm=1, gamma=0
    )
    half = wavelets.shape[1] // 2
    padded = np.pad(waves, half)
    for frame in (0, 20, 63, 124):
        piece = padded[frame * 256 : frame * 256 + wavelets.shape[1]]
        # An l1-normalised complex wavelet gives half the amplitude of a sine.
        theirs = np.abs(2 * (wavelets[:, : len(piece)].conj() @ piece))
        # librosa rounds the length of a window, which those under 150 samples feel.
        np.testing.assert_allclose(np.sqrt(ours[:48, frame]), theirs[:48], rtol=0.03, atol=3e-3)


@pytest.mark.slow  # librosa compiles its transform for half a minute
def test_constant_q_is_the_transform_of_librosa_up_to_its_resampling(semitones):
    scale, waves, ours = semitones
    theirs = librosa.cqt(
        waves, sr=RATE, hop_length=256, fmin=110.0, n_bins=scale.n_bands, norm=1, scale=False,
        sparsity=0, pad_mode="constant", res_type="soxr_vhq",
    )  # fmt: skip
    lengths, _ = librosa.filters.wavelet_lengths(freqs=centres_hz(scale, RATE), sr=RATE)
    theirs = 2 * np.abs(theirs) / lengths[:, None]
    error = np.abs(np.sqrt(ours) - theirs)[:, 20:100]
    assert np.median(error / theirs[:, 20:100]) < 0.01
    assert np.corrcoef(np.sqrt(ours).ravel(), theirs.ravel())[0, 1] > 0.999


@pytest.mark.parametrize("scale", EVERY, ids=NAMES)
def test_a_sweep_is_loudest_in_the_band_whose_centre_it_crosses(scale):
    seconds = 24.0
    t = np.arange(int(seconds * RATE)) / RATE
    waves = scipy.signal.chirp(t, f0=50, t1=seconds, f1=7950, method="logarithmic")
    bands = power(scale, torch.from_numpy(waves).float(), window_ms=150.0, hop_ms=5)
    crossing = np.log(centres_hz(scale, RATE) / 50) / np.log(7950 / 50) * seconds
    swept = [b for b in range(scale.n_bands) if 0.3 < crossing[b] < seconds - 0.3]
    assert len(swept) >= scale.n_bands - 8
    loudest = [int(bands[:, round(crossing[band] / 0.005)].argmax()) for band in swept]
    assert loudest == swept


@pytest.mark.parametrize("scale", EVERY, ids=NAMES)
def test_a_full_scale_sine_at_a_centre_has_about_full_power_whatever_the_scale(scale):
    centre = float(centres_hz(scale, RATE)[scale.n_bands // 2])
    waves = torch.sin(2 * np.pi * centre * torch.arange(RATE) / RATE)
    bands = power(scale, waves, window_ms=100.0)[:, 50]
    loudest = float(bands.max())
    if isinstance(scale, ConstantQ):
        assert loudest == pytest.approx(1.0, abs=1e-3)
    else:  # the mean power of the band's bins: less, the wider the band
        assert 0.001 < loudest < 1.0


def test_parseval_holds_on_the_linear_scale():
    # Energy in time: the mean square under the window; in frequency: the sum over bands.
    n_fft, n_bands = 1024, 100
    generator = torch.Generator().manual_seed(0)
    waves = torch.randn(4 * RATE, generator=generator)
    low, high = 500.0, 7500.0  # away from the ends, where triangles do not overlap
    sos = scipy.signal.butter(8, [low, high], "bandpass", fs=RATE, output="sos")
    waves = torch.from_numpy(scipy.signal.sosfilt(sos, waves.double())).float()
    scale = Linear(n_bands)
    bands = power(scale, waves, window_ms=1000 * n_fft / RATE)[:, 10:-10]
    bins_per_band = n_fft / 2 / (n_bands + 1)
    window = torch.hann_window(n_fft, dtype=torch.float64)
    # One-sided power re a full-scale sine: 4 |X|^2 / (sum w)^2, and sum |X|^2 = N sum (x w)^2 / 2.
    in_frequency = bands.double().sum(0) * bins_per_band * window.sum() ** 2 / (2 * n_fft)
    frames = torch.nn.functional.pad(waves, (n_fft // 2, n_fft // 2)).unfold(0, n_fft, 160)
    in_time = (frames.double() * window).square().sum(1)[10:-10]
    assert float(in_frequency.mean() / in_time.mean()) == pytest.approx(1.0, abs=2e-3)


@given(
    name=st.sampled_from(sorted(SCALES.kinds)),
    n_bands=st.integers(1, 400),
    fmin=st.floats(1.0, 3900.0),
    width=st.one_of(st.none(), st.floats(1.0, 40_000.0)),
    n_fft=st.sampled_from([16, 128, 500, 512, 2048, 8192]),
    rate=st.sampled_from([8000, 16_000, 44_100]),
)
@settings(max_examples=150)
def test_no_band_of_any_combination_is_empty(name, n_bands, fmin, width, n_fft, rate):
    fmax = None if width is None else fmin + width
    scale = SCALES.build(name, {"n_bands": n_bands, "fmin": fmin, "fmax": fmax})
    bank = filter_bank(scale, sampling_rate=rate, n_fft=n_fft)
    assert bank.shape == (n_bands, n_fft // 2 + 1)
    assert bool((bank >= 0).all())
    torch.testing.assert_close(bank.sum(1), torch.ones(n_bands))
    centres = centres_hz(scale, rate)
    assert (np.diff(centres) > 0).all()
    assert centres[0] > fmin - 1e-6
    assert centres[-1] <= rate / 2


@given(
    n_bands=st.integers(1, 200),
    fmin=st.floats(20.0, 500.0),
    window_ms=st.floats(1.0, 128.0),
    rate=st.sampled_from([8000, 16_000]),
)
@settings(max_examples=15)
def test_every_constant_q_band_hears_its_own_centre(n_bands, fmin, window_ms, rate):
    scale = ConstantQ(n_bands=n_bands, fmin=fmin)
    front = FrontEnd(
        Spectrogram(), Mono(window_ms), scale, Power(), Image(normalize="none"), sampling_rate=rate
    )
    band = n_bands // 2
    hz = centres_hz(scale, rate)[band]
    waves = torch.sin(2 * np.pi * hz * torch.arange(4 * rate, dtype=torch.float64) / rate)
    heard = front(waves.float()[None])[0, 0, band, 180:220].mean()
    assert float(heard) == pytest.approx(1.0, abs=0.3)

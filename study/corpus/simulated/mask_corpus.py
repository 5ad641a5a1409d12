"""A mask corpus made of clear speech: half of every speaker's clips go through a mask.

For trying things out where the real Mask corpus cannot be had. A figure measured on it must never
stand beside one of the real corpus: ``corpus.json`` says that it is simulated, and so do all
tables and pages made from it.

What is particular to a speaker (which mask, how it fits, what leaks past it) is drawn once per
speaker, what is particular to a recording (microphone, noise, level) for both classes alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.signal import oaconvolve

from runners.clips import Clips
from runners.cores import n_cores
from search_spaces.grammar.errors import InputError
from study.corpus.audio.headers import look_at_audio, usual_rate
from study.corpus.audio.waveform_cache import cache_corpus, default_cache_root
from study.corpus.corpus import Corpus, read_corpus
from study.corpus.layouts.write_compare import is_written, write_labels
from study.corpus.simulated.mask_pieces import CLASSES, Piece, partitions_by_speaker, plan_pieces
from study.corpus.simulated.masks import (
    ATTENUATION_DB,
    Wearer,
    attenuation,
    check_masks,
    draw_wearer,
    filter_frequencies,
    filter_taps,
)
from study.corpus.simulated.recording import octaves_above_60_hz, random_eq, record, write_wav
from study.files import new_folder
from study.files.csv_files import csv_text, spreadsheet_safe
from study.progress import Progress, no_progress, with_progress

GENERATOR = "study.masks_corpus"  # what corpora made by earlier revisions say too
GENERATOR_VERSION = 1  # raised whenever the same arguments give other bytes

Array = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class _Person:
    """A voice with its mask and two recordings, one per class, on another day each."""

    wearer: Wearer
    microphones: dict[str, Array]  # response in dB by class


def simulate_masks(
    source: Path,
    folder: Path,
    *,
    seed: int = 0,
    seconds: float | None = None,
    sampling_rate: int | None = None,
    masks: Sequence[str] = tuple(ATTENUATION_DB),
    progress: Progress = no_progress,
) -> Path:
    """Write a mask corpus in the ComParE 2020 layout; the same arguments give the same bytes.

    Args:
        source: A corpus of clear speech in any layout; its labels are not used.
        folder: Must not exist, be empty, or hold the corpus of the same arguments, which is kept.
        seed: Of everything random.
        seconds: Longer clips are cut into pieces of this length; None: clips stay as they are.
        sampling_rate: Hz, of the corpus to come; None: the source's own, at most 16 kHz.
        masks: Which are worn, shared out to the speakers.
        progress: Is given clips done and clips in all.

    Returns:
        ``folder``. True test labels go to ``lab/test_labels.csv``; ``lab/labels.csv`` has ``?``.

    Raises:
        InputError: An argument is out of range, ``source`` cannot be read or is such a corpus
            already, or ``folder`` holds something else.
    """
    check_masks(masks)
    corpus = read_corpus(source)
    rate = sampling_rate
    if rate is None:
        rate = min(usual_rate(look_at_audio(corpus.clips[:100])), 16_000)
    _check_arguments(seed, seconds, rate)
    if corpus.info.get("generator") == GENERATOR:
        raise InputError(f"{source}: is a simulated mask corpus already; give it clear speech")
    cached = cache_corpus(corpus, rate, default_cache_root())
    info = {
        "name": f"simulated-mask-{corpus.name}",
        "simulated": True,
        "generator": GENERATOR,
        "generator_version": GENERATOR_VERSION,
        "seed": seed,
        "source": {"name": corpus.name, "digest": cached.digest, "simulated": corpus.simulated},
        "parameters": {"seconds": seconds, "sampling_rate": rate, "masks": list(masks)},
    }
    if "licence" in corpus.info:
        info["licence"] = corpus.info["licence"]
    if is_written(folder, info):
        return folder
    pieces = _pieces(corpus, cached.clips, seed, seconds)
    people = _draw_people(pieces, masks, seed, rate)
    with new_folder(folder) as partial:
        (partial / "wav").mkdir()
        _write_audio(partial / "wav", cached.clips, pieces, people, seed, progress)
        clips = [(p.file_name, p.label, corpus.clips[p.clip].speaker) for p in pieces]
        write_labels(partial, clips, info)
        (partial / "wearers.csv").write_text(_wearers_csv(people), "utf-8")
    return folder


def _check_arguments(seed: int, seconds: float | None, rate: int) -> None:
    if seed < 0:
        raise InputError(f"seed must be at least 0, got seed={seed}")
    if seconds is not None and not 0.05 <= seconds <= 60:
        raise InputError(f"seconds must be from 0.05 to 60, got seconds={seconds}")
    if not 8000 <= rate <= 48000:
        rule = "sampling_rate must be from 8000 to 48000 Hz"
        raise InputError(f"{rule}, since masks act on 1 to 8 kHz, got sampling_rate={rate}")


def _pieces(corpus: Corpus, clips: Clips, seed: int, seconds: float | None) -> list[Piece]:
    lengths = [
        clips.n_samples(i) if np.any(clips.samples[clips.offsets[i] : clips.offsets[i + 1]]) else 0
        for i in range(len(clips))
    ]
    return plan_pieces(
        corpus,
        lengths,
        partitions_by_speaker(corpus, seed=seed),
        samples=None if seconds is None else round(seconds * clips.sampling_rate),
        seed=seed,
    )


def _draw_people(
    pieces: Sequence[Piece], masks: Sequence[str], seed: int, rate: int
) -> dict[str, _Person]:
    """One person per voice; masks are shared out within each partition."""
    rng = np.random.default_rng([GENERATOR_VERSION, seed])
    octaves = octaves_above_60_hz(filter_frequencies(rate))
    voices = sorted({(piece.partition, piece.voice) for piece in pieces})
    turn = rng.permutation(len(masks))
    people = {}
    for i, (_, voice) in enumerate(voices):
        wearer = draw_wearer(rng, masks[turn[i % len(masks)]])
        responses = random_eq(rng, octaves, len(CLASSES), spread=0.8)
        people[voice] = _Person(wearer, dict(zip(CLASSES, responses, strict=True)))
    return people


def _write_audio(
    folder: Path,
    clips: Clips,
    pieces: Sequence[Piece],
    people: dict[str, _Person],
    seed: int,
    progress: Progress,
) -> None:
    def write(i: int) -> None:
        piece = pieces[i]
        voice = clips.waveform(piece.clip)[piece.start : piece.stop].astype(np.float64)
        rng = np.random.default_rng([GENERATOR_VERSION, seed, i])
        wave = _perform(rng, voice, people[piece.voice], piece.label, clips.sampling_rate)
        write_wav(folder / piece.file_name, wave, clips.sampling_rate)

    with ThreadPoolExecutor(n_cores()) as pool:
        written = pool.map(write, range(len(pieces)))
        for _ in with_progress(written, progress, total=len(pieces)):
            pass


def _perform(
    rng: np.random.Generator, voice: Array, person: _Person, label: str, rate: int
) -> Array:
    """One clip, shape ``(samples,)``: voice, mask if any, microphone, noise, level."""
    frequencies = filter_frequencies(rate)
    octaves = octaves_above_60_hz(frequencies)
    response = person.microphones[label] + random_eq(rng, octaves, 1, spread=1.0)[0]
    worn = _moved(rng, person.wearer)  # drawn for both classes: the same numbers go on to the noise
    if label == "mask":
        response += attenuation(frequencies, worn)
    heard = oaconvolve(voice, filter_taps(response, rate), mode="same")
    octaves = octaves_above_60_hz(np.fft.rfftfreq(2 * heard.size, 1 / rate))
    recorded: Array = record(rng, heard[None], octaves)[0]
    return recorded


def _moved(rng: np.random.Generator, wearer: Wearer) -> Wearer:
    """A mask sits a little differently in every clip."""
    return replace(
        wearer,
        fit=wearer.fit * float(np.exp(rng.normal(0.0, 0.1))),
        leak=float(np.clip(wearer.leak + rng.normal(0.0, 0.03), 0.0, 0.5)),
    )


def _wearers_csv(people: dict[str, _Person]) -> str:
    rows: list[tuple[str, ...]] = [("voice", "mask", "fit", "shift", "leak")]
    for voice, person in sorted(people.items()):
        mask, *numbers = asdict(person.wearer).values()
        rows.append((spreadsheet_safe(voice), mask, *(f"{number:.4f}" for number in numbers)))
    return csv_text(rows)

"""A simulated mask corpus: formant voices with and without a face mask, in the ComParE 2020 layout.

For trying things out and for tests. A figure measured on it says that the machinery works; it must
never stand beside a figure of the real Mask corpus.

The voices are ``formant_voices``. What is particular to a speaker (voice, room, how much the
mask takes) is drawn once per speaker, what is particular to a recording (microphone, noise, level)
for both classes alike, so that neither level nor spectral tilt alone gives the class away.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from runners.cores import n_cores
from search_spaces.grammar.errors import InputError
from study.corpus.layouts.names import PARTITIONS
from study.corpus.layouts.write_compare import is_written, shuffled_names, write_labels
from study.corpus.simulated.formant_voices import Voice, draw_voice, speak
from study.corpus.simulated.masks import MASK_DB
from study.corpus.simulated.recording import octaves_above_60_hz, random_eq, record, write_wav
from study.files import new_folder

GENERATOR_VERSION = 1  # raised whenever the same seed gives other bytes
CLASSES = ("clear", "mask")

Array = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class _Speaker:
    """What one person brings along, drawn once."""

    voice: Voice
    room: Array  # impulse response
    mask_strength: float  # factor on the dB of the table
    mask_shift: float  # factor on the table's frequencies: where the notches lie
    mask_tilt: float  # dB per octave above 2 kHz


def make_synthetic(
    folder: Path,
    *,
    seed: int = 0,
    n_speakers: int = 24,
    clips_per_speaker: int = 42,
    sampling_rate: int = 16000,
    mask_strength: float = 1.0,
    cue_hz: float | None = None,
) -> Path:
    """Write a simulated mask corpus of one-second clips; the same arguments give the same bytes.

    Args:
        folder: Must not exist, be empty, or hold the corpus of the same arguments, which is kept.
        seed: Of everything random.
        n_speakers: Shared out over train, devel and test, no speaker in two.
        clips_per_speaker: About half of them with a mask.
        sampling_rate: Hz.
        mask_strength: Factor on the attenuations in dB; 0 leaves nothing to learn.
        cue_hz: When given, masked clips are not muffled but raised by 12 dB in a band of a third
            of an octave around this frequency: a cue whose place is known.

    Returns:
        ``folder``. True test labels go to ``lab/test_labels.csv``; ``lab/labels.csv`` has ``?``.

    Raises:
        InputError: An argument is out of range, or the folder holds something else.
    """
    _check_arguments(seed, n_speakers, clips_per_speaker, sampling_rate, mask_strength, cue_hz)
    info = {
        "name": "synthetic-mask" if cue_hz is None else "synthetic-cue",
        "simulated": True,
        "generator": "study.synthetic",  # what corpora made by earlier revisions say too
        "generator_version": GENERATOR_VERSION,
        "seed": seed,
        "parameters": {
            "n_speakers": n_speakers,
            "clips_per_speaker": clips_per_speaker,
            "sampling_rate": sampling_rate,
            "mask_strength": mask_strength,
            "cue_hz": cue_hz,
        },
    }
    if is_written(folder, info):
        return folder

    def voice(i: int) -> tuple[list[str], Array]:
        rng = np.random.default_rng([GENERATOR_VERSION, seed, i])
        labels = [CLASSES[k] for k in rng.permutation(np.arange(clips_per_speaker) % 2)]
        return labels, _say(rng, i, labels, sampling_rate, mask_strength, cue_hz)

    with new_folder(folder) as partial, ThreadPoolExecutor(n_cores()) as pool:
        voices = list(pool.map(voice, range(n_speakers)))
        write_labels(partial, _write_audio(partial / "wav", voices, seed, sampling_rate), info)
    return folder


def _check_arguments(
    seed: int, speakers: int, clips: int, rate: int, strength: float, cue_hz: float | None
) -> None:
    if seed < 0:
        raise InputError(f"seed must be at least 0, got seed={seed}")
    if speakers < 6:
        raise InputError(f"n_speakers must be at least 6, got n_speakers={speakers}")
    if clips < 2:
        raise InputError(f"clips_per_speaker must be at least 2, got {clips}")
    if not 8000 <= rate <= 48000 or rate % 100:
        rule = "sampling_rate must be a multiple of 100 from 8000 to 48000 Hz"
        raise InputError(f"{rule}, got sampling_rate={rate}")
    if not 0 <= strength < float("inf"):
        raise InputError(f"mask_strength must be at least 0, got mask_strength={strength}")
    if cue_hz is not None and not 0 < cue_hz < rate / 2:
        raise InputError(f"cue_hz must lie between 0 and {rate // 2} Hz, got cue_hz={cue_hz}")


def mask_response(
    frequencies: Array, *, strength: float = 1.0, shift: float = 1.0, tilt: float = 0.0
) -> Array:
    """Attenuation by a mask in dB at ``frequencies`` (Hz), shape as given.

    Args:
        frequencies: Hz.
        strength: Factor on the dB of ``MASK_DB``.
        shift: Factor on its frequencies.
        tilt: dB per octave above 2 kHz on top.
    """
    table = np.interp(frequencies, np.array(list(MASK_DB)) * shift, list(MASK_DB.values()))
    leak: Array = tilt * np.log2(np.maximum(frequencies, 2000.0) / 2000.0)
    return strength * table + leak


def _partition_of(speaker: int, n_speakers: int) -> str:
    """Of 24 speakers 10 are in train, 7 in devel and 7 in test."""
    ends = np.cumsum([round(n_speakers * 10 / 24), round(n_speakers * 7 / 24)])
    return PARTITIONS[int(np.searchsorted(ends, speaker, side="right"))]


def _write_audio(
    folder: Path, voices: list[tuple[list[str], Array]], seed: int, rate: int
) -> list[tuple[str, str, str]]:
    """Write the clips; return file name, label and speaker of each."""
    every = [
        (_partition_of(i, len(voices)), label, f"s{i + 1:02d}", wave)
        for i, (labels, waves) in enumerate(voices)
        for label, wave in zip(labels, waves, strict=True)
    ]
    folder.mkdir()
    clips = []
    rng = np.random.default_rng([GENERATOR_VERSION, seed])
    for name, i in shuffled_names([partition for partition, *_ in every], rng):
        _, label, speaker, wave = every[i]
        write_wav(folder / name, wave, rate)
        clips.append((name, label, speaker))
    return clips


def _draw_speaker(rng: Generator, i: int, rate: int) -> _Speaker:
    decay = rng.uniform(0.02, 0.08)  # s, of the room's energy
    time = np.arange(int(0.3 * rate)) / rate
    room = rng.standard_normal(time.size) * np.exp(-time / decay) * (time > 0.002)
    room *= rng.uniform(0.1, 0.6) / np.linalg.norm(room)
    room[0] = 1.0
    return _Speaker(
        voice=draw_voice(rng, high=i % 2 == 1),  # so that each partition has both
        room=room,
        mask_strength=float(np.exp(rng.normal(0.15, 0.25))),
        mask_shift=rng.uniform(0.9, 1.1),
        mask_tilt=rng.uniform(-2.0, 0.0),
    )


def _say(
    rng: Generator, i: int, labels: list[str], rate: int, mask_strength: float, cue_hz: float | None
) -> Array:
    """All clips of one speaker, shape ``(clips, rate)``, below full scale."""
    person = _draw_speaker(rng, i, rate)
    clean = speak(rng, person.voice, len(labels), rate)
    size = 2 * rate  # room to ring
    frequencies = np.fft.rfftfreq(size, 1 / rate)
    octaves = octaves_above_60_hz(frequencies)
    # Two recordings, one per class, on another day: each with its own microphone.
    microphones = {label: random_eq(rng, octaves, 1, spread=0.8)[0] for label in CLASSES}
    response = random_eq(rng, octaves, len(labels), spread=1.0)
    for k, label in enumerate(labels):
        response[k] += microphones[label]
        if label == "mask" and cue_hz is not None:
            response[k] += 12.0 * np.exp(-0.5 * (6 * np.log2((frequencies + 1) / cue_hz)) ** 2)
        elif label == "mask":
            fit = mask_strength * person.mask_strength * float(np.exp(rng.normal(0.0, 0.25)))
            shift, tilt = person.mask_shift * rng.uniform(0.96, 1.04), person.mask_tilt
            tilt *= mask_strength
            response[k] += mask_response(frequencies, strength=fit, shift=shift, tilt=tilt)
    gain = 10 ** (response / 20) * np.fft.rfft(person.room, size)
    heard = np.fft.irfft(np.fft.rfft(clean, size) * gain, size)[:, :rate]
    return record(rng, heard, octaves)

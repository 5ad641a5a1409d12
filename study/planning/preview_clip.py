"""The clip that a space's images are shown of."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from search_spaces.grammar.errors import InputError
from study.corpus import read_corpus
from study.corpus.audio.decode import Segment, decode_files

__all__ = ["PreviewClip", "preview_clip", "window_of"]

SECONDS = 1.0  # drawn of a longer clip: what a network hears at once by default


class PreviewClip(NamedTuple):
    """A clip to show.

    Args:
        name: As the corpus has it.
        waveform: Shape (samples,); of a longer clip the middle second.
        sampling_rate: Hz.
    """

    name: str
    waveform: NDArray[np.float32]
    sampling_rate: int


def preview_clip(source: Path, sampling_rate: int | None) -> PreviewClip:
    """Return a file, or a corpus's first train clip.

    Args:
        source: An audio file or a corpus.
        sampling_rate: Hz, to which it is resampled; None: the file's own.

    Raises:
        InputError: If there is no such file or corpus, or it cannot be decoded.
    """
    name, path = source.name, source
    segment: Segment = (None, None)
    if not source.exists():
        raise InputError(f"--preview must be a corpus or an audio file, got {source}")
    if source.is_dir() or source.suffix.lower() == ".csv":
        clips = read_corpus(source).clips
        clip = next((c for c in clips if c.partition == "train"), clips[0])
        name, path, segment = clip.file_name, clip.path, (clip.start, clip.end)
    rate = sampling_rate or _own_rate(path)
    decoded = next(decode_files([path], rate, segments=[segment], workers=1))
    if isinstance(decoded, str):
        raise InputError(f"{path}: {decoded}")
    waveform = decoded.samples.astype(np.float32) * np.float32(decoded.scale)
    return PreviewClip(name, window_of(waveform, round(SECONDS * rate)), rate)


def _own_rate(path: Path) -> int:
    import soundfile

    try:
        return int(soundfile.info(path).samplerate)
    except (OSError, RuntimeError) as error:
        raise InputError(f"{path}: cannot be read as audio: {error}") from error


def window_of(waveform: NDArray[np.float32], length: int) -> NDArray[np.float32]:
    """Return the middle `length` samples; of a shorter waveform all of it."""
    start = max(0, (len(waveform) - length) // 2)
    return waveform[start : start + length]

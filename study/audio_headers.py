"""What audio is like, from the headers of its files alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

__all__ = ["MOST", "AudioLook", "look_at_audio", "usual_rate"]

MOST = 5000  # files that are looked at; evenly spaced ones of a larger corpus


@dataclass(frozen=True)
class AudioLook:
    """Sampling rates and durations of some clips.

    Attributes:
        rates: Files by sampling rate in Hz.
        durations: Seconds of each clip that could be read.
        complete: Whether every clip was looked at and could be read.
    """

    rates: Counter[int]
    durations: tuple[float, ...]
    complete: bool


def look_at_audio(
    paths: Sequence[Path], segments: Sequence[tuple[float | None, float | None]]
) -> AudioLook:
    """Read headers; a file that cannot be read is left out, decoding will name it.

    Args:
        paths: One per clip.
        segments: Start and end of each clip in its file, in seconds.
    """
    import soundfile

    step = max(1, -(-len(paths) // MOST))
    rates: Counter[int] = Counter()
    durations = []
    heads: dict[Path, tuple[int, float] | None] = {}
    looked = list(zip(paths, segments, strict=True))[::step]
    for path, (start, end) in looked:
        if path not in heads:
            try:
                head = soundfile.info(str(path))
                heads[path] = (int(head.samplerate), float(head.frames) / head.samplerate)
            except (OSError, RuntimeError, ZeroDivisionError):
                heads[path] = None
        found = heads[path]
        if found is not None:
            rates[found[0]] += 1
            durations.append((found[1] if end is None else end) - (start or 0.0))
    return AudioLook(rates, tuple(durations), len(durations) == len(paths))


def usual_rate(look: AudioLook) -> int:
    """The most frequent sampling rate; 16 kHz where no file could be read."""
    return look.rates.most_common(1)[0][0] if look.rates else 16_000


def usual_seconds(look: AudioLook, *, most: float = 3.0) -> float:
    """What a network may well hear at once: nine of ten clips whole, at most three seconds.

    >>> usual_seconds(AudioLook(Counter(), (1.0, 1.0, 1.0), True))
    1.0
    >>> usual_seconds(AudioLook(Counter(), (0.14, 0.4, 0.43, 0.6, 2.28), True))
    1.7
    >>> usual_seconds(AudioLook(Counter(), (), True))
    1.0
    """
    if not look.durations:
        return 1.0
    high = float(np.quantile(look.durations, 0.9))
    return float(np.clip(np.ceil(high * 10 - 1e-6) / 10, 0.1, most))

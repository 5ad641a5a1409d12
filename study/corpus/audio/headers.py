"""What audio is like, from the headers of its files alone."""

from __future__ import annotations

import functools
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from study.corpus.audio.id3 import without_tag
from study.corpus.audio.samples import UNKNOWN
from study.corpus.clip import Clip

MOST = 5000  # files that are looked at; evenly spaced ones of a larger corpus


@dataclass(frozen=True)
class AudioLook:
    """Sampling rates and durations of some clips."""

    rates: Counter[int]  # files by sampling rate in Hz
    durations: tuple[float, ...]  # seconds of each clip that could be read
    complete: bool  # whether every clip was looked at and could be read


def look_at_audio(clips: Sequence[Clip]) -> AudioLook:
    """Read headers; a file that cannot be read is left out, decoding will name it."""
    import soundfile

    @functools.cache
    def header(path: Path) -> tuple[int, float] | None:
        try:
            with path.open("rb") as raw:
                info = soundfile.info(without_tag(raw))
            seconds = math.nan if info.frames > UNKNOWN else float(info.frames) / info.samplerate
            return int(info.samplerate), seconds
        except (OSError, RuntimeError, ZeroDivisionError):
            return None

    rates: Counter[int] = Counter()
    durations = []
    for clip in clips[:: max(1, -(-len(clips) // MOST))]:
        if (found := header(clip.path)) is not None:
            rates[found[0]] += 1
            end = found[1] if clip.end is None else min(clip.end, found[1])
            if not math.isnan(end):
                durations.append(max(end - (clip.start or 0.0), 0.0))
    return AudioLook(rates, tuple(durations), len(durations) == len(clips))


def usual_rate(look: AudioLook) -> int:
    """The most frequent sampling rate; 16 kHz where no file could be read."""
    return look.rates.most_common(1)[0][0] if look.rates else 16_000


def usual_seconds(look: AudioLook, *, most: float = 3.0) -> float:
    """Return what a network may well hear at once: nine of ten clips whole, at most three seconds.

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

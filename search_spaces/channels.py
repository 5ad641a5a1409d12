"""Channels: the analysis windows whose spectrograms become the channels of an image."""

from __future__ import annotations

from dataclasses import dataclass

from search_spaces.kinds import Dimension, at_least

__all__ = ["CHANNELS", "Channels", "Mono", "Windows"]


@dataclass(frozen=True)
class Mono:
    """One spectrogram, one channel."""

    window_ms: float = 25.0

    def __post_init__(self) -> None:
        at_least(1, window_ms=self.window_ms)

    @property
    def windows(self) -> tuple[float, ...]:
        """Window lengths in ms, one a channel."""
        return (self.window_ms,)


@dataclass(frozen=True)
class Windows:
    """Three spectrograms of three window lengths on one transform and hop: a 3-channel image."""

    windows_ms: tuple[float, ...] = (8.0, 16.0, 32.0)

    def __post_init__(self) -> None:
        if len(self.windows_ms) != 3:
            raise ValueError(f"windows_ms must be three lengths, got {list(self.windows_ms)}")
        at_least(1, windows_ms=min(self.windows_ms))

    @property
    def windows(self) -> tuple[float, ...]:
        """Window lengths in ms, one a channel."""
        return self.windows_ms


Channels = Mono | Windows
CHANNELS = Dimension("channels", {"mono": Mono, "windows": Windows})

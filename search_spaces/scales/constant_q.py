"""Constant-Q bands: the window shortens as the frequency rises, with its own kernels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from search_spaces.scales.common import Floats, band_edges, check_bands

__all__ = ["WINDOW_AT_HZ", "ConstantQ", "kernel_lengths", "quality"]

WINDOW_AT_HZ = 250.0  # where a window of constant Q is as long as the channel's window


@dataclass(frozen=True)
class ConstantQ:
    """Bands equally wide in octaves, seen through windows of equally many periods.

    The window at frequency f lasts `window_ms` x 250 Hz / f, so that Q = `window_ms` / 4, and the
    kinds of channels keep their meaning: 64 ms is a Q of 16, near the 17 of semitones. No window
    is shorter than two periods.
    """

    n_bands: int = 84
    fmin: float = 60.0  # Hz, above zero
    fmax: float | None = None

    def __post_init__(self) -> None:
        check_bands(self.n_bands, self.fmin, self.fmax, lowest=1)

    def warp(self, hz: Floats) -> Floats:
        """Return octaves above 1 Hz."""
        return np.log2(hz)

    def unwarp(self, position: Floats) -> Floats:
        """Return Hz from octaves above 1 Hz."""
        return np.exp2(position)


def quality(window_ms: float) -> float:
    """Return Q, the periods in a window: two at least, of which a Hann window hears no mean.

    >>> quality(64.0)
    16.0
    """
    return max(window_ms / 1000 * WINDOW_AT_HZ, 2.0)


def kernel_lengths(scale: ConstantQ, window_ms: float, sampling_rate: int) -> Floats:
    """Return the length of each band's window in samples, not rounded, shape (n_bands,)."""
    centres = band_edges(scale, sampling_rate)[1:-1]
    return quality(window_ms) / centres * sampling_rate

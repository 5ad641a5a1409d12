"""Constant-Q bands: the window shortens as the frequency rises, with its own kernels."""

from __future__ import annotations

from dataclasses import dataclass

from search_spaces.scales.common import Floats, band_edges
from search_spaces.scales.warped import Log

WINDOW_AT_HZ = 250.0  # where a window of constant Q is as long as the channel's window


@dataclass(frozen=True)
class ConstantQ(Log):
    """Bands equally wide in octaves, seen through windows of equally many periods.

    The window at frequency f lasts `window_ms` x 250 Hz / f, so that Q = `window_ms` / 4, and the
    kinds of channels keep their meaning: 64 ms is a Q of 16, near the 17 of semitones. No window
    is shorter than two periods.
    """

    n_bands: int = 84
    fmin: float = 60.0


def quality(window_ms: float) -> float:
    """Return Q, the periods in a window: at least two, for which a Hann window has no mean.

    >>> quality(64.0)
    16.0
    """
    return max(window_ms / 1000 * WINDOW_AT_HZ, 2.0)


def kernel_lengths(scale: ConstantQ, window_ms: float, sampling_rate: int) -> Floats:
    """Return the length of each band's window in samples, not rounded, shape (n_bands,)."""
    centres = band_edges(scale, sampling_rate)[1:-1]
    return quality(window_ms) / centres * sampling_rate

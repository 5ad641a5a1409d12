"""Frequency axes that all scales share, and how a map's rows are spread over their bands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

LOWEST_CENTRE = 20  # 10 ** (20 / 10) = 100 Hz; all below belongs to its band
LEAST_PART = 1 / 3  # of a third octave that must lie below half the sampling rate
N_LINEAR = 16

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class FrequencyAxis:
    """Adjoining bands from 0 Hz to half the sampling rate.

    Args:
        name: `third_octave` or `linear`.
        edges_hz: Rising, (bands + 1,).
    """

    name: str
    edges_hz: tuple[float, ...]

    @property
    def n_bands(self) -> int:
        """Number of bands."""
        return len(self.edges_hz) - 1

    @property
    def title(self) -> str:
        """As a person reads it."""
        return "third octaves" if self.name == "third_octave" else "linear bands"

    def band(self, number: int) -> str:
        """Say where a band lies.

        >>> FrequencyAxis("linear", (0.0, 500.0, 1000.0)).band(1)
        '500 to 1000 Hz'
        """
        low, high = self.edges_hz[number : number + 2]
        return f"{low:.0f} to {high:.0f} Hz"


def frequency_axes(sampling_rate: int) -> tuple[FrequencyAxis, FrequencyAxis]:
    """Return the third octaves and the equally wide bands of a sampling rate (Hz).

    Third octaves have the base-ten centres of IEC 61260-1:2014, 10 ** (n / 10) Hz. The lowest
    reaches down to 0 Hz, the highest up to half the sampling rate.

    >>> [axis.n_bands for axis in frequency_axes(16_000)]
    [20, 16]
    """
    nyquist = sampling_rate / 2
    lower = [0.0]
    for n in range(LOWEST_CENTRE + 1, 10 * 10):
        low, high = 10 ** ((n - 0.5) / 10), 10 ** ((n + 0.5) / 10)
        if nyquist - low < LEAST_PART * (high - low):
            break
        lower.append(low)
    linear = np.linspace(0.0, nyquist, N_LINEAR + 1)
    return (
        FrequencyAxis("third_octave", (*lower, nyquist)),
        FrequencyAxis("linear", tuple(linear.tolist())),
    )


def row_fractions(
    centres_hz: ArrayLike, edges_hz: Sequence[float], *, n_rows: int, offset: float = 0.0
) -> Floats:
    """Return which share of each row of a map lies in which band, (n_rows, bands).

    A map has fewer rows than the image has bands of its scale, and these are no bands of the axis.
    A row covers what is nearer to its centre than to the others'; centres are equally far apart. A
    band of the scale reaches halfway to its neighbours' centres, and within it a share is measured
    on the scale's own axis.

    Args:
        centres_hz: Centres of the scale's bands in Hz, rising, (scale bands,).
        edges_hz: Edges of the axis in Hz, (bands + 1,).
        n_rows: Rows of the map.
        offset: How far rows are centred above the middles of equal parts of the scale, as a share
            of the whole scale.

    Returns:
        Rows sum to 1; one that the offset puts outside the scale has no share.

    >>> row_fractions([500, 1500, 2500, 3500], [0, 1000, 4000], n_rows=2).tolist()
    [[0.5, 0.5], [0.0, 1.0]]
    >>> row_fractions([500, 1500, 2500, 3500], [0, 1000, 4000], n_rows=2, offset=-0.25).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    centres = np.asarray(centres_hz, dtype=np.float64)
    edges = np.asarray(edges_hz, dtype=np.float64)
    positions = np.interp(edges, _corners(centres, edges[-1]), np.arange(len(centres) + 1.0))
    inner = np.arange(1, n_rows) / n_rows + offset
    rows = len(centres) * np.clip([0.0, *inner, 1.0], 0.0, 1.0)
    low = np.maximum(rows[:-1, None], positions[None, :-1])
    high = np.minimum(rows[1:, None], positions[None, 1:])
    covered = np.maximum(np.diff(rows), 1e-12)
    return np.asarray(np.clip(high - low, 0.0, None) / covered[:, None])


def _corners(centres: Floats, nyquist: float) -> Floats:
    """Return the corners between bands, (bands + 1,), halfway between centres."""
    if len(centres) == 1:
        return np.array([0.0, nyquist])
    inner = (centres[1:] + centres[:-1]) / 2
    first, last = 2 * centres[0] - inner[0], 2 * centres[-1] - inner[-1]
    return np.concatenate([[max(first, 0.0)], inner, [min(last, nyquist)]])

"""What every frequency scale gives, and where its bands lie."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from search_spaces.grammar.kinds import at_least

__all__ = ["Floats", "WarpedAxis", "band_edges", "check_bands"]

Floats = NDArray[np.float64]
MAX_BANDS = 2048


class WarpedAxis(Protocol):
    """A frequency axis on which bands lie at equal distances."""

    @property
    def n_bands(self) -> int:
        """Number of bands."""

    @property
    def fmin(self) -> float:
        """Lower edge of the first band, Hz."""

    @property
    def fmax(self) -> float | None:
        """Upper edge of the last band, Hz; None: half the sampling rate."""

    def warp(self, hz: Floats) -> Floats:
        """Return the position of a frequency (Hz) on the warped axis."""

    def unwarp(self, position: Floats) -> Floats:
        """Return the frequency (Hz) of a position on the warped axis."""


def check_bands(n_bands: int, fmin: float, fmax: float | None, *, lowest: float) -> None:
    """Check what all scales have.

    Raises:
        ValueError: With the rule and the value.
    """
    at_least(1, n_bands=n_bands)
    if n_bands > MAX_BANDS:
        raise ValueError(f"n_bands must be at most {MAX_BANDS:,}, got n_bands={n_bands!r}")
    at_least(lowest, fmin=fmin)
    if fmax is not None and not fmax > fmin:
        raise ValueError(f"fmax must be above fmin={fmin:g}, got fmax={fmax!r}")


def band_edges(scale: WarpedAxis, sampling_rate: int) -> Floats:
    """Return the corners of a scale's bands in Hz, shape (n_bands + 2,).

    Band b rises from edge b to its centre, edge b + 1, and falls to edge b + 2.

    Raises:
        ValueError: If `fmin` is not below the upper edge at this sampling rate.
    """
    nyquist = sampling_rate / 2
    fmax = nyquist if scale.fmax is None else min(scale.fmax, nyquist)
    if scale.fmin >= fmax:
        raise ValueError(
            f"fmin must be below {fmax:g} Hz at a sampling rate of {sampling_rate} Hz,"
            f" got fmin={scale.fmin:g}"
        )
    ends = scale.warp(np.array([scale.fmin, fmax]))
    return scale.unwarp(np.linspace(ends[0], ends[1], scale.n_bands + 2))

"""What every frequency scale has, and where its bands lie."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from search_spaces.grammar.kinds import at_least

Floats = NDArray[np.float64]
MAX_BANDS = 2048


@dataclass(frozen=True)
class WarpedAxis:
    """A frequency axis on which bands lie at equal distances; each scale says how it warps."""

    n_bands: int = 64
    fmin: float = 20.0  # Hz, lower edge of the first band
    fmax: float | None = None  # Hz, upper edge of the last band; null: half the sampling rate
    lowest: ClassVar[float] = 0.0  # Hz, that `fmin` may be

    def __post_init__(self) -> None:
        at_least(1, n_bands=self.n_bands)
        if self.n_bands > MAX_BANDS:
            raise ValueError(f"n_bands must be at most {MAX_BANDS:,}, got n_bands={self.n_bands!r}")
        at_least(self.lowest, fmin=self.fmin)
        if self.fmax is not None and not self.fmax > self.fmin:
            raise ValueError(f"fmax must be above fmin={self.fmin:g}, got fmax={self.fmax!r}")

    def warp(self, hz: Floats) -> Floats:
        """Return the position of a frequency (Hz) on the warped axis."""
        raise NotImplementedError

    def unwarp(self, position: Floats) -> Floats:
        """Return the frequency (Hz) of a position on the warped axis."""
        raise NotImplementedError


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

"""Frequency scales: one triangular filter bank on a warped frequency axis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from search_spaces.kinds import Dimension, at_least

__all__ = ["SCALES", "Linear", "Log", "Mel", "Scale", "band_edges", "triangular_bank"]

Floats = NDArray[np.float64]


class Scale(Protocol):
    """What every frequency scale gives."""

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


def _check(n_bands: int, fmin: float, fmax: float | None, lowest: float) -> None:
    at_least(1, n_bands=n_bands)
    at_least(lowest, fmin=fmin)
    if fmax is not None and not fmax > fmin:
        raise ValueError(f"fmax must be above fmin={fmin:g}, got fmax={fmax!r}")


@dataclass(frozen=True)
class Linear:
    """Bands equally wide in Hz."""

    n_bands: int = 128
    fmin: float = 0.0  # Hz, lower edge of the first band
    fmax: float | None = None  # Hz, upper edge of the last band; null: half the sampling rate

    def __post_init__(self) -> None:
        _check(self.n_bands, self.fmin, self.fmax, 0)

    def warp(self, hz: Floats) -> Floats:
        """Return the frequency itself."""
        return hz

    def unwarp(self, position: Floats) -> Floats:
        """Return the position itself."""
        return position


@dataclass(frozen=True)
class Log:
    """Bands equally wide in octaves."""

    n_bands: int = 96
    fmin: float = 50.0  # Hz, above zero
    fmax: float | None = None

    def __post_init__(self) -> None:
        _check(self.n_bands, self.fmin, self.fmax, 1)

    def warp(self, hz: Floats) -> Floats:
        """Return octaves above 1 Hz."""
        return np.log2(hz)

    def unwarp(self, position: Floats) -> Floats:
        """Return Hz from octaves above 1 Hz."""
        return np.exp2(position)


@dataclass(frozen=True)
class Mel:
    """Bands equally wide in mel, 2595 log10(1 + f / 700) (HTK; O'Shaughnessy 1987)."""

    n_bands: int = 64
    fmin: float = 20.0
    fmax: float | None = None

    def __post_init__(self) -> None:
        _check(self.n_bands, self.fmin, self.fmax, 0)

    def warp(self, hz: Floats) -> Floats:
        """Return mel from Hz."""
        return 2595.0 * np.log10(1.0 + hz / 700.0)

    def unwarp(self, position: Floats) -> Floats:
        """Return Hz from mel."""
        return 700.0 * (10.0 ** (position / 2595.0) - 1.0)


SCALES = Dimension("scale", {"linear": Linear, "log": Log, "mel": Mel})


def band_edges(scale: Scale, sampling_rate: int) -> Floats:
    """Return the corners of a scale's triangles in Hz, shape (n_bands + 2,).

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


def triangular_bank(scale: Scale, *, sampling_rate: int, n_fft: int) -> Tensor:
    """Return the filter bank of a scale, shape (n_bands, n_fft // 2 + 1), rows summing to 1.

    Every side of a triangle is widened to at least one bin of the transform, so that no band is
    empty however narrow it is; a band that spans many bins is their weighted mean.
    """
    edges = band_edges(scale, sampling_rate)
    bin_hz = sampling_rate / n_fft
    centres = edges[1:-1, None]
    rise = np.maximum(centres - edges[:-2, None], bin_hz)
    fall = np.maximum(edges[2:, None] - centres, bin_hz)
    hz = np.arange(n_fft // 2 + 1)[None, :] * bin_hz
    bank = np.clip(np.minimum(1 + (hz - centres) / rise, 1 - (hz - centres) / fall), 0, None)
    return torch.from_numpy(bank / bank.sum(1, keepdims=True)).float()

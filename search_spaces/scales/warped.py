"""Scales of triangular bands on a warped frequency axis: each says how it warps, nothing else."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from search_spaces.grammar.kinds import later, one_of
from search_spaces.scales.common import Floats, check_bands

__all__ = ["Bark", "Erb", "Linear", "Log", "Mel", "erb_rate", "erb_rate_inverse"]

SLANEY_HZ = 200 / 3  # Hz a mel below the break
SLANEY_BREAK_HZ = 1000.0
SLANEY_LOG_STEP = math.log(6.4) / 27  # of the logarithm, a mel above the break


@dataclass(frozen=True)
class Linear:
    """Bands equally wide in Hz."""

    n_bands: int = 128
    fmin: float = 0.0  # Hz, lower edge of the first band
    fmax: float | None = None  # Hz, upper edge of the last band; null: half the sampling rate

    def __post_init__(self) -> None:
        check_bands(self.n_bands, self.fmin, self.fmax, lowest=0)

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
        check_bands(self.n_bands, self.fmin, self.fmax, lowest=1)

    def warp(self, hz: Floats) -> Floats:
        """Return octaves above 1 Hz."""
        return np.log2(hz)

    def unwarp(self, position: Floats) -> Floats:
        """Return Hz from octaves above 1 Hz."""
        return np.exp2(position)


@dataclass(frozen=True)
class Mel:
    """Bands equally wide in mel.

    `htk`: 2595 log10(1 + f / 700) (O'Shaughnessy 1987). `slaney`: linear below 1 kHz, 15 mel
    there, logarithmic above (Slaney 1998, Auditory Toolbox).
    """

    n_bands: int = 64
    fmin: float = 20.0
    fmax: float | None = None
    formula: str = later("htk")

    def __post_init__(self) -> None:
        check_bands(self.n_bands, self.fmin, self.fmax, lowest=0)
        one_of(("htk", "slaney"), formula=self.formula)

    def warp(self, hz: Floats) -> Floats:
        """Return mel from Hz."""
        if self.formula == "htk":
            return 2595.0 * np.log10(1.0 + hz / 700.0)
        octaves = np.log(np.maximum(hz, SLANEY_BREAK_HZ) / SLANEY_BREAK_HZ)
        return np.minimum(hz, SLANEY_BREAK_HZ) / SLANEY_HZ + octaves / SLANEY_LOG_STEP

    def unwarp(self, position: Floats) -> Floats:
        """Return Hz from mel."""
        if self.formula == "htk":
            return 700.0 * (10.0 ** (position / 2595.0) - 1.0)
        knee = SLANEY_BREAK_HZ / SLANEY_HZ
        above = np.exp(np.maximum(position - knee, 0.0) * SLANEY_LOG_STEP)
        return np.minimum(position, knee) * SLANEY_HZ * above


@dataclass(frozen=True)
class Bark:
    """Bands equally wide in critical bands, 26.81 f / (1960 + f) - 0.53 (Traunmueller 1990)."""

    n_bands: int = 64
    fmin: float = 20.0
    fmax: float | None = None

    def __post_init__(self) -> None:
        check_bands(self.n_bands, self.fmin, self.fmax, lowest=0)

    def warp(self, hz: Floats) -> Floats:
        """Return Bark from Hz."""
        return 26.81 * hz / (1960.0 + hz) - 0.53

    def unwarp(self, position: Floats) -> Floats:
        """Return Hz from Bark."""
        return 1960.0 * (position + 0.53) / (26.28 - position)


def erb_rate(hz: Floats) -> Floats:
    """Return the number of equivalent rectangular bandwidths below a frequency (Hz).

    21.4 log10(1 + 0.00437 f) (Glasberg and Moore 1990).
    """
    return 21.4 * np.log10(1.0 + 0.00437 * hz)


def erb_rate_inverse(position: Floats) -> Floats:
    """Return Hz from the ERB rate."""
    return (10.0 ** (position / 21.4) - 1.0) / 0.00437


@dataclass(frozen=True)
class Erb:
    """Bands equally wide on the ERB-rate scale (Glasberg and Moore 1990), triangular."""

    n_bands: int = 64
    fmin: float = 20.0
    fmax: float | None = None

    def __post_init__(self) -> None:
        check_bands(self.n_bands, self.fmin, self.fmax, lowest=0)

    def warp(self, hz: Floats) -> Floats:
        """Return the ERB rate of a frequency (Hz)."""
        return erb_rate(hz)

    def unwarp(self, position: Floats) -> Floats:
        """Return Hz from the ERB rate."""
        return erb_rate_inverse(position)

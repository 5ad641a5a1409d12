"""Scales of triangular bands on a warped frequency axis, and the bank that they all share."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from search_spaces.grammar.kinds import later, one_of
from search_spaces.scales.common import Floats, WarpedAxis, band_edges

SLANEY_HZ = 200 / 3  # Hz a mel below the break
SLANEY_BREAK_HZ = 1000.0
SLANEY_LOG_STEP = math.log(6.4) / 27  # of the logarithm, a mel above the break


@dataclass(frozen=True)
class Linear(WarpedAxis):
    """Bands equally wide in Hz."""

    n_bands: int = 128
    fmin: float = 0.0

    def warp(self, hz: Floats) -> Floats:
        """Return the frequency itself."""
        return hz

    def unwarp(self, position: Floats) -> Floats:
        """Return the position itself."""
        return position


@dataclass(frozen=True)
class Log(WarpedAxis):
    """Bands equally wide in octaves."""

    n_bands: int = 96
    fmin: float = 50.0
    lowest: ClassVar[float] = 1.0

    def warp(self, hz: Floats) -> Floats:
        """Return octaves above 1 Hz."""
        return np.log2(hz)

    def unwarp(self, position: Floats) -> Floats:
        """Return Hz from octaves above 1 Hz."""
        return np.exp2(position)


@dataclass(frozen=True)
class Mel(WarpedAxis):
    """Bands equally wide in mel.

    `htk`: 2595 log10(1 + f / 700) (O'Shaughnessy 1987). `slaney`: linear below 1 kHz, 15 mel
    there, logarithmic above (Slaney 1998, Auditory Toolbox).
    """

    formula: str = later("htk")

    def __post_init__(self) -> None:
        super().__post_init__()
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
class Bark(WarpedAxis):
    """Bands equally wide in critical bands, 26.81 f / (1960 + f) - 0.53 (Traunmueller 1990)."""

    def warp(self, hz: Floats) -> Floats:
        """Return Bark from Hz."""
        return 26.81 * hz / (1960.0 + hz) - 0.53

    def unwarp(self, position: Floats) -> Floats:
        """Return Hz from Bark."""
        return 1960.0 * (position + 0.53) / (26.28 - position)


@dataclass(frozen=True)
class Erb(WarpedAxis):
    """Bands equally wide in equivalent rectangular bandwidths, those of the ear's filters.

    There are 21.4 log10(1 + 0.00437 f) of them below f Hz (Glasberg and Moore 1990).
    """

    def warp(self, hz: Floats) -> Floats:
        """Return the number of bandwidths below a frequency (Hz)."""
        return 21.4 * np.log10(1.0 + 0.00437 * hz)

    def unwarp(self, position: Floats) -> Floats:
        """Return Hz from the number of bandwidths."""
        return (10.0 ** (position / 21.4) - 1.0) / 0.00437


def triangular_bank(scale: WarpedAxis, *, sampling_rate: int, n_fft: int) -> Tensor:
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

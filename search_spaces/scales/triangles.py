"""The one triangular filter bank of all warped scales."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from search_spaces.scales.common import WarpedAxis, band_edges

__all__ = ["triangular_bank"]


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

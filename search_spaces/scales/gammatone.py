"""Gammatone bands: the shape of a place on the basilar membrane, as weights of a spectrum."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from search_spaces.scales.common import band_edges
from search_spaces.scales.warped import Erb

ORDER = 4
BANDWIDTH = 1.019  # of the filter, in ERB, at order 4 (Patterson et al. 1992)


@dataclass(frozen=True)
class Gammatone(Erb):
    """Fourth-order gammatone filters at equal distances on the ERB-rate scale.

    Unlike triangles they overlap as far as the ear's filters do, however many bands there are.
    """

    fmin: float = 50.0


def gammatone_bank(scale: Gammatone, *, sampling_rate: int, n_fft: int) -> Tensor:
    """Return the power responses of a scale's filters as weights of the bins of a spectrum.

    A filter at fc of bandwidth b = 1.019 ERB(fc) passes the power (1 + ((f - fc) / b)^2)^-4.

    Returns:
        Shape (n_bands, n_fft // 2 + 1), rows summing to 1; every weight is above zero.
    """
    centres = band_edges(scale, sampling_rate)[1:-1, None]
    bandwidth = BANDWIDTH * 24.7 * (4.37e-3 * centres + 1.0)
    hz = np.arange(n_fft // 2 + 1)[None, :] * (sampling_rate / n_fft)
    bank = (1.0 + ((hz - centres) / bandwidth) ** 2) ** -float(ORDER)
    return torch.from_numpy(bank / bank.sum(1, keepdims=True)).float()

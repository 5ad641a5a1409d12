"""Frequency scales: where the bands of a spectrogram lie, and how they weigh its bins.

`linear`, `log`, `mel`, `bark` and `erb` are one bank of triangles on a warped axis (`warped.py`),
`gammatone` is another bank on the same spectrum, `constant_q` has its own kernels.
"""

from __future__ import annotations

from torch import Tensor

from search_spaces.grammar.kinds import Dimension
from search_spaces.scales.common import Floats, WarpedAxis, band_edges
from search_spaces.scales.constant_q import ConstantQ
from search_spaces.scales.gammatone import Gammatone, gammatone_bank
from search_spaces.scales.warped import Bark, Erb, Linear, Log, Mel, triangular_bank

__all__ = [
    "SCALES",
    "Bark",
    "ConstantQ",
    "Erb",
    "Gammatone",
    "Linear",
    "Log",
    "Mel",
    "Scale",
    "WarpedAxis",
    "band_edges",
    "centres_hz",
    "filter_bank",
    "triangular_bank",
]

Scale = Linear | Log | Mel | Bark | Erb | Gammatone | ConstantQ
SCALES = Dimension(
    "scale",
    {
        "linear": Linear,
        "log": Log,
        "mel": Mel,
        "bark": Bark,
        "erb": Erb,
        "gammatone": Gammatone,
        "constant_q": ConstantQ,
    },
)


def centres_hz(scale: Scale, sampling_rate: int) -> Floats:
    """Return the centre of every band in Hz, lowest first, shape (n_bands,).

    Raises:
        ValueError: If `fmin` is not below the upper edge at this sampling rate.
    """
    return band_edges(scale, sampling_rate)[1:-1]


def filter_bank(scale: Scale, *, sampling_rate: int, n_fft: int) -> Tensor:
    """Return the weights of a power spectrum's bins in every band of a scale.

    Returns:
        Shape (n_bands, n_fft // 2 + 1), rows summing to 1.

    Raises:
        ValueError: If `fmin` is not below the upper edge at this sampling rate.
    """
    if isinstance(scale, Gammatone):
        return gammatone_bank(scale, sampling_rate=sampling_rate, n_fft=n_fft)
    return triangular_bank(scale, sampling_rate=sampling_rate, n_fft=n_fft)

"""Deltas: how a band changes, as further channels."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def delta_kernels(width: int) -> Tensor:
    """Return the weights of `width` frames in the first and the second derivative.

    The slope of the least-squares line and the curvature of the least-squares parabola through the
    frames (Savitzky and Golay 1964).

    Args:
        width: Frames, odd, at least 3.

    Returns:
        Shape (2, width), float64, per frame and per frame squared.

    >>> delta_kernels(3).round(decimals=9).tolist()
    [[-0.5, 0.0, 0.5], [1.0, -2.0, 1.0]]
    """
    m = torch.arange(width, dtype=torch.float64) - width // 2
    bow = m.square() - m.square().mean()
    return torch.stack([m / m.square().sum(), 2 * bow / bow.square().sum()])


def with_deltas(bands: Tensor, *, width: int) -> Tensor:
    """Return amplitudes with their deltas and delta-deltas as further channels.

    Beyond its ends the clip goes on as its first and last frame. One convolution per derivative
    with a group per band, as in `torchaudio.functional.compute_deltas`, whose second derivative is
    another: the delta of the delta, over nearly twice as many frames.

    Args:
        bands: Shape (clips, channels, bands, frames).
        width: Frames that a derivative is taken from.

    Returns:
        Shape (clips, 3 x channels, bands, frames): all static, all delta, all delta-delta.
    """
    # What is constant has no derivative: taking it away first keeps rounding out of silence.
    moving = (bands - bands.mean(-1, keepdim=True)).flatten(1, 2)
    padded = F.pad(moving, (width // 2, width // 2), mode="replicate")
    n = padded.shape[1]
    kernels = delta_kernels(width).to(bands, non_blocking=True)  # no batch waits for a GPU
    deltas = [F.conv1d(padded, kernel.expand(n, 1, -1), groups=n) for kernel in kernels]
    return torch.cat([bands, *(delta.view_as(bands) for delta in deltas)], dim=1)

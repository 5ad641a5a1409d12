"""Deltas: how a band changes, as further channels."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["delta_kernels", "with_deltas"]

BLOCK = 256  # frames: the product grows with its square


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

    Beyond its ends the clip goes on as its first and last frame. A matrix product per `BLOCK`
    frames: on a CPU several times as fast as a convolution over so few taps.

    Args:
        bands: Shape (clips, channels, bands, frames).
        width: Frames that a derivative is taken from.

    Returns:
        Shape (clips, 3 x channels, bands, frames): all static, all delta, all delta-delta.
    """
    frames = bands.shape[-1]
    block = min(frames, BLOCK)
    seen = block + width - 1
    kernels = delta_kernels(width).to(bands, non_blocking=True)  # no batch waits for a GPU
    place = torch.arange(seen, device=bands.device)
    ahead = place[:, None] - place[:block]
    matrices = kernels[:, ahead.clamp(0, width - 1)] * ((ahead >= 0) & (ahead < width))
    # What is constant has no derivative: taking it away first keeps rounding out of silence.
    moving = (bands - bands.mean(-1, keepdim=True)).flatten(0, 1)
    behind = width // 2 + -frames % block
    padded = F.pad(moving, (width // 2, behind, 0, 0), mode="replicate")
    blocks = padded.unfold(-1, seen, block)  # (clips x channels, bands, blocks, seen)
    deltas = [(blocks @ m).flatten(2)[..., :frames] for m in matrices]
    return torch.cat([bands, *(delta.reshape(bands.shape) for delta in deltas)], dim=1)

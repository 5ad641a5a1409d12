"""What augmentations draw: one number per clip of a batch, from an explicit generator.

All chance in augmentation comes from here, and each draw names the batch that it is for.
"""

from __future__ import annotations

import torch
from torch import Generator, Tensor


def uniform(x: Tensor, low: float, high: float, *, generator: Generator) -> Tensor:
    """Return a number in [low, high) for each clip of `x`, shape (clips,)."""
    return low + (high - low) * torch.rand(len(x), generator=generator, device=x.device)


def normal(x: Tensor, *shape: int, generator: Generator) -> Tensor:
    """Return standard normal numbers for each clip of `x`, shape (clips, *shape)."""
    return torch.randn(len(x), *shape, generator=generator, device=x.device)


def chosen(x: Tensor, p: float, *, generator: Generator) -> Tensor:
    """Return which clips of `x` are augmented, shape (clips,)."""
    return uniform(x, 0.0, 1.0, generator=generator) < p


def permutation(x: Tensor, *, generator: Generator) -> Tensor:
    """Return a partner for each clip of `x`, each once; a few may be their own."""
    return torch.randperm(len(x), generator=generator, device=x.device)


def others(x: Tensor, *, generator: Generator) -> Tensor:
    """Return a partner for each clip of `x`, each once and none its own, where there are two."""
    order = permutation(x, generator=generator)
    return torch.empty_like(order).scatter_(0, order, order.roll(1))

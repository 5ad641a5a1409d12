"""Changing only some clips of a batch."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def on_chosen(change: Callable[..., Tensor], chosen: Tensor, x: Tensor, *drawn: Tensor) -> Tensor:
    """Return `x` with `change(x, *drawn)` in the place of the clips that are chosen.

    On a CPU nothing is computed for other clips; on another device all are changed, since asking
    which are chosen would wait for it.

    Args:
        change: Maps clips and what was drawn for each to as many clips of the same shape.
        chosen: Which are changed, shape (clips,).
        x: Waveforms or images, shape (clips, ...).
        drawn: Shape (clips, ...) each.
    """
    if x.device.type != "cpu":
        return torch.where(chosen.view(-1, *[1] * (x.dim() - 1)), change(x, *drawn), x)
    rows = chosen.nonzero().squeeze(1)
    if not len(rows):
        return x
    if len(rows) == len(x):
        return change(x, *drawn)
    return x.index_copy(0, rows, change(*(t.index_select(0, rows) for t in (x, *drawn))))

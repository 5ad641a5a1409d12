"""Schedules of the learning rate, step by step."""

from __future__ import annotations

import math
from collections.abc import Callable

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, OneCycleLR


def _one_cycle(optimizer: Optimizer, steps: int, warmup: float) -> LRScheduler:
    total = steps + 1
    if warmup * total == 1:  # a rise of no steps, by whose length torch divides
        warmup *= 1 - 1e-6
    return OneCycleLR(
        optimizer,
        max_lr=[group["lr"] for group in optimizer.param_groups],
        total_steps=total,
        pct_start=warmup,
        cycle_momentum=False,
    )


def cosine_factor(step: int, steps: int, warmup: float) -> float:
    """Return the rate at a step over its peak: a linear rise, then half a cosine down to 0.

    >>> [round(cosine_factor(step, 8, 0.25), 3) for step in (0, 1, 2, 5, 8)]
    [0.333, 0.667, 1.0, 0.5, 0.0]
    """
    rise = round(warmup * steps)
    if step < rise:
        return (step + 1) / (rise + 1)
    return 0.5 * (1 + math.cos(math.pi * (step - rise) / max(1, steps - rise)))


def _cosine(optimizer: Optimizer, steps: int, warmup: float) -> LRScheduler:
    return LambdaLR(optimizer, lambda step: cosine_factor(step, steps, warmup))


SCHEDULES: dict[str, Callable[[Optimizer, int, float], LRScheduler]] = {
    "one_cycle": _one_cycle,  # Smith and Topin 2018
    "cosine": _cosine,  # Loshchilov and Hutter 2017, without restarts
}


def make_schedule(name: str, optimizer: Optimizer, *, steps: int, warmup: float) -> LRScheduler:
    """Return a schedule whose peaks are the rates that the optimiser's groups have.

    Args:
        name: In `SCHEDULES`.
        optimizer: Whose rates it sets.
        steps: Of the whole training.
        warmup: Share of the steps in which the rate rises.
    """
    return SCHEDULES[name](optimizer, steps, warmup)

"""The training recipe: optimiser, schedule and loss."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import nn

from search_spaces.kinds import Dimension, at_least

__all__ = ["OPTIMIZERS", "AdamW", "Optimizer", "Recipe", "Sgd"]


@dataclass(frozen=True)
class AdamW:
    """AdamW (Loshchilov and Hutter 2019)."""

    lr: float = 1e-3  # the peak of the one-cycle schedule
    weight_decay: float = 0.05

    def __post_init__(self) -> None:
        at_least(1e-8, lr=self.lr)
        at_least(0, weight_decay=self.weight_decay)

    def make(self, parameters: Iterable[nn.Parameter], *, fused: bool) -> torch.optim.Optimizer:
        """Return the torch optimiser."""
        return torch.optim.AdamW(
            parameters, lr=self.lr, weight_decay=self.weight_decay, fused=fused
        )


@dataclass(frozen=True)
class Sgd:
    """Stochastic gradient descent with Nesterov momentum."""

    lr: float = 0.05
    weight_decay: float = 5e-4
    momentum: float = 0.9

    def __post_init__(self) -> None:
        at_least(1e-8, lr=self.lr)
        at_least(0, weight_decay=self.weight_decay)
        if not 0 < self.momentum < 1:
            raise ValueError(f"momentum must be in (0, 1), got momentum={self.momentum!r}")

    def make(self, parameters: Iterable[nn.Parameter], *, fused: bool) -> torch.optim.Optimizer:
        """Return the torch optimiser."""
        return torch.optim.SGD(
            parameters,
            lr=self.lr,
            weight_decay=self.weight_decay,
            momentum=self.momentum,
            nesterov=True,
            fused=fused,
        )


Optimizer = AdamW | Sgd
OPTIMIZERS = Dimension("optimizer", {"adamw": AdamW, "sgd": Sgd})


@dataclass(frozen=True)
class Recipe:
    """How long and on what a network is trained."""

    epochs: int = 12
    batch: int = 64
    label_smoothing: float = 0.0
    warmup: float = 0.25  # share of the steps in which the one-cycle schedule rises
    class_balance: bool = True  # weight the loss by the inverse class frequency

    def __post_init__(self) -> None:
        at_least(1, epochs=self.epochs)
        at_least(2, batch=self.batch)
        if not 0 <= self.label_smoothing < 1:
            raise ValueError(
                f"label_smoothing must be in [0, 1), got label_smoothing={self.label_smoothing!r}"
            )
        if not 0 < self.warmup < 1:
            raise ValueError(f"warmup must be in (0, 1), got warmup={self.warmup!r}")

"""Optimisers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from search_spaces.grammar.kinds import Dimension, at_least, within

# Parameters, or groups of them, `{"params": ..., "lr": ...}`.
Parameters = Iterable[nn.Parameter] | list[dict[str, Any]]


@dataclass(frozen=True)
class _Rates:
    lr: float = 1e-3  # the peak of the schedule
    weight_decay: float = 0.05

    def __post_init__(self) -> None:
        at_least(1e-8, lr=self.lr)
        at_least(0, weight_decay=self.weight_decay)


@dataclass(frozen=True)
class AdamW(_Rates):
    """AdamW (Loshchilov and Hutter 2019)."""

    def make(self, parameters: Parameters, *, fused: bool) -> torch.optim.Optimizer:
        """Return the torch optimiser."""
        return torch.optim.AdamW(
            parameters, lr=self.lr, weight_decay=self.weight_decay, fused=fused
        )


@dataclass(frozen=True)
class NAdamW(_Rates):
    """AdamW with Nesterov's momentum (Dozat 2016), weight decay decoupled."""

    def make(self, parameters: Parameters, *, fused: bool) -> torch.optim.Optimizer:
        """Return the torch optimiser; it has no fused kernel."""
        return torch.optim.NAdam(
            parameters, lr=self.lr, weight_decay=self.weight_decay, decoupled_weight_decay=True
        )


@dataclass(frozen=True)
class Sgd(_Rates):
    """Stochastic gradient descent with Nesterov momentum."""

    lr: float = 0.05
    weight_decay: float = 5e-4
    momentum: float = 0.9

    def __post_init__(self) -> None:
        super().__post_init__()
        within("(0, 1)", momentum=self.momentum)

    def make(self, parameters: Parameters, *, fused: bool) -> torch.optim.Optimizer:
        """Return the torch optimiser."""
        return torch.optim.SGD(
            parameters, lr=self.lr, weight_decay=self.weight_decay, momentum=self.momentum,
            nesterov=True, fused=fused,
        )  # fmt: skip


@dataclass(frozen=True)
class Lion(_Rates):
    """Lion, the sign of a momentum (Chen et al. 2023).

    It wants about a tenth of AdamW's rate and ten times its decay.
    """

    lr: float = 1e-4
    weight_decay: float = 0.5

    def make(self, parameters: Parameters, *, fused: bool) -> torch.optim.Optimizer:
        """Return timm's optimiser; it has no fused kernel."""
        from timm.optim import Lion as TimmLion

        made: torch.optim.Optimizer = TimmLion(
            parameters, lr=self.lr, weight_decay=self.weight_decay
        )
        return made


Optimizer = AdamW | NAdamW | Sgd | Lion
OPTIMIZERS = Dimension("optimizer", {"adamw": AdamW, "sgd": Sgd, "nadamw": NAdamW, "lion": Lion})

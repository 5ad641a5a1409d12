"""Losses for targets that may be mixed: probabilities per class."""

from __future__ import annotations

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor

from search_spaces.kinds import Dimension, at_least

__all__ = ["LOSSES", "CrossEntropy", "Focal", "Loss"]


@dataclass(frozen=True)
class CrossEntropy:
    """Cross-entropy."""

    def __call__(
        self, logits: Tensor, targets: Tensor, *, weight: Tensor | None, label_smoothing: float
    ) -> Tensor:
        """Return the mean loss of logits and targets (clips, classes), classes weighted."""
        return F.cross_entropy(logits, targets, weight=weight, label_smoothing=label_smoothing)


@dataclass(frozen=True)
class Focal:
    """Cross-entropy that counts less what is already right (Lin et al. 2017).

    The term of a class with probability q is weighted by (1 - q) ** `gamma`; 0 is cross-entropy.
    """

    gamma: float = 2.0

    def __post_init__(self) -> None:
        at_least(0, gamma=self.gamma)

    def __call__(
        self, logits: Tensor, targets: Tensor, *, weight: Tensor | None, label_smoothing: float
    ) -> Tensor:
        """Return the mean loss of logits and targets (clips, classes), classes weighted."""
        log_q = F.log_softmax(logits, 1)
        smooth = targets * (1 - label_smoothing) + label_smoothing / targets.shape[1]
        terms = smooth * (-log_q.expm1()).clamp_min(1e-8) ** self.gamma * -log_q
        return (terms if weight is None else terms * weight).sum(1).mean()


Loss = CrossEntropy | Focal
LOSSES = Dimension("loss", {"cross_entropy": CrossEntropy, "focal": Focal})

"""Losses for targets that may be mixed: probabilities per class."""

from __future__ import annotations

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor

from search_spaces.grammar.kinds import Dimension, at_least


@dataclass(frozen=True)
class CrossEntropy:
    """Cross-entropy."""

    def __call__(
        self, logits: Tensor, targets: Tensor, *, weight: Tensor | None, label_smoothing: float
    ) -> Tensor:
        """Return the mean loss of logits and targets (clips, classes), clips weighted."""
        return F.cross_entropy(logits, _weighted(targets, weight, label_smoothing))


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
        """Return the mean loss of logits and targets (clips, classes), clips weighted."""
        log_q = F.log_softmax(logits, 1)
        focus = (-log_q.expm1()).clamp_min(1e-8) ** self.gamma
        return (_weighted(targets, weight, label_smoothing) * focus * -log_q).sum(1).mean()


def _weighted(targets: Tensor, weight: Tensor | None, label_smoothing: float) -> Tensor:
    """Return targets (clips, classes), weighted, then smoothed.

    The weight of a label is its clip's, also for the share that smoothing gives to other classes
    (Szegedy et al. 2016), so that weights do not move the optimum of a clip. torch weights that
    share by the class it goes to: of two classes at 0.1, one that is 19 times as rare as the other
    would best be said of every clip. Without smoothing the two are the same.
    """
    weighted = targets if weight is None else targets * weight
    spread = weighted.sum(1, keepdim=True) / targets.shape[1]
    return weighted * (1 - label_smoothing) + spread * label_smoothing


Loss = CrossEntropy | Focal
LOSSES = Dimension("loss", {"cross_entropy": CrossEntropy, "focal": Focal})

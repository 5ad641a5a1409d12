"""Fine tuning: which weights of a network are trained when, and at which rate."""

from __future__ import annotations

import math
from typing import Any

from torch import nn

from runners.model import Classifier
from search_spaces.backbones import Timm, head_parameters
from search_spaces.spec import TrialSpec

__all__ = ["Tuning"]


class Tuning:
    """The body of a pretrained backbone, treated apart where the spec asks for it.

    Args:
        model: The network.
        spec: What to train.
    """

    def __init__(self, model: Classifier, spec: TrialSpec) -> None:
        self.model, self.spec = model, spec
        self.body: list[nn.Parameter] = []
        self._frozen_epochs = 0
        if isinstance(spec.backbone, Timm) and spec.backbone.tuned:
            head = {id(parameter) for parameter in head_parameters(model.backbone)}
            self.body = [p for p in model.backbone.parameters() if id(p) not in head]
            self._frozen_epochs = math.ceil(spec.backbone.freeze * spec.recipe.epochs - 1e-9)

    def groups(self) -> list[nn.Parameter] | list[dict[str, Any]]:
        """Return what is optimised: the body in a group of its own, at its own rate."""
        everything = list(self.model.parameters())
        if not self.body or not isinstance(self.spec.backbone, Timm):
            return everything
        body = {id(parameter) for parameter in self.body}
        rate = self.spec.optimizer.lr
        return [
            {"params": [p for p in everything if id(p) not in body], "lr": rate},
            {"params": self.body, "lr": rate * self.spec.backbone.body_lr},
        ]

    def frozen(self, epoch: int) -> bool:
        """Return whether the body rests in an epoch, from 1."""
        return bool(self.body) and epoch <= self._frozen_epochs

    def begin_epoch(self, epoch: int) -> None:
        """Set the network to train in an epoch, from 1.

        A frozen body keeps its BatchNorm statistics too, and drops nothing.
        """
        self.model.train()
        frozen = self.frozen(epoch)
        for parameter in self.body:
            parameter.requires_grad_(not frozen)
        if frozen:
            self.model.backbone.eval()

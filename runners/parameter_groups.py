"""Fine tuning: which weights of a network are trained when, at which rate and decay."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from torch import nn

from runners.model import Classifier
from search_spaces.backbones.backbones import Timm, head_parameters, heads, undecayed_parameters
from search_spaces.spec import TrialSpec


class Tuning:
    """Parameter groups: the head, and a pretrained body that may be frozen or slower to learn.

    Args:
        model: The network.
        spec: What to train.
    """

    def __init__(self, model: Classifier, spec: TrialSpec) -> None:
        self.model, self.spec = model, spec
        self.body: list[nn.Parameter] = []
        self._body_lr = 1.0  # relative to the head's
        self.frozen_epochs = 0  # of the body, at first
        if isinstance(spec.backbone, Timm) and spec.backbone.tuned:
            head = _ids(head_parameters(model.backbone))
            self.body = [p for p in model.backbone.parameters() if id(p) not in head]
            self._body_lr = spec.backbone.body_lr
            self.frozen_epochs = math.ceil(spec.backbone.freeze * spec.recipe.epochs - 1e-9)

    def groups(self) -> list[dict[str, Any]]:
        """Return what is optimised: head and front end first, then the body at its own rate.

        What weight decay leaves alone (`undecayed_parameters`) is apart in each.
        """
        optimizer, body = self.spec.optimizer, _ids(self.body)
        undecayed = _ids(undecayed_parameters(self.model.backbone))
        rest = [p for p in self.model.parameters() if id(p) not in body]
        found = [
            {
                "params": [p for p in parameters if (id(p) not in undecayed) == decays],
                "lr": optimizer.lr * share,
                "weight_decay": optimizer.weight_decay * decays,
            }
            for parameters, share in ((rest, 1.0), (self.body, self._body_lr))
            for decays in (True, False)
        ]
        return [group for group in found if group["params"]]

    def frozen(self, epoch: int) -> bool:
        """Return whether the body rests in an epoch, from 1."""
        return bool(self.body) and epoch <= self.frozen_epochs

    def begin_epoch(self, epoch: int) -> None:
        """Set the network to train in an epoch, from 1.

        A frozen body keeps its BatchNorm statistics too, and drops nothing; its head does train.
        """
        self.model.train()
        frozen = self.frozen(epoch)
        for parameter in self.body:
            parameter.requires_grad_(not frozen)
        if frozen:
            self.model.backbone.eval()
            for head in heads(self.model.backbone):
                head.train()


def _ids(parameters: Iterable[nn.Parameter]) -> set[int]:
    return {id(parameter) for parameter in parameters}

"""Averaging the weights of a network in training: the average is what is evaluated and kept."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from runners.batch_norm import refresh_batch_norm
from runners.model import Classifier
from search_spaces.recipe import Averaging, Ema, Swa


class WeightAverage:
    """The average of a network's weights, by exponential forgetting or over its last epochs.

    Args:
        network: In training; its present weights are where the average begins.
        kind: How to average.
        steps: Of the whole schedule.
        epochs: Of the whole schedule.
    """

    def __init__(self, network: Classifier, kind: Averaging, *, steps: int, epochs: int) -> None:
        if not isinstance(kind, (Ema, Swa)):
            raise TypeError(f"WeightAverage knows no {type(kind).__name__}")
        self.network, self.kind = network, kind
        self.steps, self.epochs = steps, epochs
        self.average = copy.deepcopy(network)
        self.n = 0  # of weights in it
        self._pairs = [
            (ours, theirs)
            for ours, theirs in zip(_tensors(self.average), _tensors(network), strict=True)
            if ours.is_floating_point()
        ]

    @property
    def current(self) -> Classifier:
        """The average, or the network itself while there is none yet."""
        return self.average if self.n else self.network

    @torch.no_grad()
    def after_step(self) -> None:
        """Take the weights of a step into an exponential average."""
        if isinstance(self.kind, Ema):
            self._blend(1 - self.kind.decay(self.n, self.steps))

    @torch.no_grad()
    def after_epoch(self, epoch: int, batches: Iterable[Tensor]) -> None:
        """Take the weights of an epoch into a plain mean, if it is one that counts.

        Args:
            epoch: From 1.
            batches: Images of training, from which BatchNorm statistics are taken anew; none: they
                are averaged, as the weights are.
        """
        if isinstance(self.kind, Swa) and epoch > self.kind.start * self.epochs:
            self._blend(1 / (self.n + 1))
            refresh_batch_norm(self.average.backbone, batches)

    def _blend(self, share: float) -> None:
        ours, theirs = zip(*self._pairs, strict=True)
        torch._foreach_lerp_(ours, theirs, share)
        self.n += 1

    def state(self) -> dict[str, Any]:
        """Return what `set_state` needs to go on from here."""
        return {"n": self.n, "average": self.average.state_dict()}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        self.n = state["n"]
        self.average.load_state_dict(state["average"])


def _tensors(network: nn.Module) -> list[Tensor]:
    return [*network.parameters(), *network.buffers()]

"""A fitted fusion: which candidates, what is done with their probabilities, how it came about."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from study.fusion.methods.rule import FusionRule
from study.metrics import uar_of_probabilities


@dataclass(frozen=True)
class Step:
    """One step of a trajectory: the n-th choice, which candidate, and the UAR with it."""

    n: int
    member: int
    uar: float


@dataclass(frozen=True)
class Selection:
    """A fusion of some candidates.

    Args:
        method: Name of the method that chose.
        uar: UAR of the fusion on the clips it was chosen on: apparent, in [0, 1].
        members: Positions of the candidates; of a weighted average by descending weight, then
            position.
        rule: What is done with their probabilities.
        trajectory: UAR after every step, also after those that were not kept.
        reason: Why this system and not another, in words; empty where none was compared.
    """

    method: str
    uar: float
    members: tuple[int, ...]
    rule: FusionRule
    trajectory: tuple[Step, ...] = ()
    reason: str = ""

    @classmethod
    def from_members(
        cls,
        method: str,
        probabilities: NDArray[np.float64],
        labels: NDArray[np.intp],
        members: Sequence[int],
        rule: FusionRule,
    ) -> Selection:
        """A selection with its UAR on the clips it was chosen on."""
        values = rule.scores(probabilities[list(members)])
        return cls(method, float(uar_of_probabilities(values, labels)), tuple(members), rule)

    @property
    def weights(self) -> tuple[float, ...]:
        """Weights of the members, which sum to 1; equal where the rule is no weighted average."""
        return self.rule.weights

    def scores(self, probabilities: ArrayLike) -> NDArray[np.float64]:
        """The fusion's probabilities, (clips, classes).

        Args:
            probabilities: All candidates, in the order they were selected from,
                (candidates, clips, classes).
        """
        return self.rule.scores(np.asarray(probabilities)[list(self.members)])


FusionMethod = Callable[..., Selection]  # a `study.honest.Method` that gives a selection

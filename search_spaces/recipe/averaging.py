"""Averages of the weights over the steps of a training: what is evaluated and kept."""

from __future__ import annotations

import math
from dataclasses import dataclass

from search_spaces.grammar.kinds import Dimension, within


@dataclass(frozen=True)
class NoAveraging:
    """The weights of the last step."""


@dataclass(frozen=True)
class Ema:
    """Exponential moving average of weights and BatchNorm statistics, taken at every step.

    Its time constant is a share of the schedule, so that it means the same for short and long
    trainings. Until so many steps are made it is their plain mean: no first weights linger.
    """

    span: float = 0.1  # time constant, as a share of all steps

    def __post_init__(self) -> None:
        within("(0, 1]", span=self.span)

    def decay(self, step: int, steps: int) -> float:
        """Return how much of the average stays at a step (from 0) of `steps`.

        >>> [round(Ema(span=0.1).decay(step, 1000), 3) for step in (0, 1, 9, 999)]
        [0.0, 0.5, 0.9, 0.99]
        """
        return min(math.exp(-1 / max(1.0, self.span * steps)), step / (step + 1))


@dataclass(frozen=True)
class Swa:
    """Plain mean of the weights at the ends of the last epochs (Izmailov et al. 2018).

    BatchNorm statistics are taken anew for the mean from training batches.
    """

    start: float = 0.75  # share of the epochs before the first that counts

    def __post_init__(self) -> None:
        within("[0, 1)", start=self.start)


Averaging = NoAveraging | Ema | Swa
AVERAGINGS = Dimension("averaging", {"none": NoAveraging, "ema": Ema, "swa": Swa})

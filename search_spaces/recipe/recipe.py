"""How long and on what a network is trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from search_spaces.grammar.kinds import at_least, later, one_of, within
from search_spaces.recipe.schedules import SCHEDULES


def _shuffled(chosen: Mapping[str, Any]) -> bool:
    return bool(chosen["sampling"] == "shuffle")


@dataclass(frozen=True)
class Recipe:
    """How long and on what a network is trained.

    A length in `steps` means the same for 300 clips and for 30,000; a length in epochs differs by
    a hundred. With `steps`, an epoch is the stretch between two evaluations: `steps / epochs`
    optimiser steps on clips in an order that is drawn anew whenever all have been seen.
    """

    epochs: int = 12  # evaluations on devel; without `steps`, also passes over the training clips
    batch: int = 64
    label_smoothing: float = 0.0
    warmup: float = 0.25  # share of the steps in which the schedule rises
    # Weight the loss by the inverse class frequency; classes drawn equally often need no weights.
    class_balance: bool = field(default=True, metadata={"when": _shuffled})
    schedule: str = later("one_cycle")  # one_cycle, cosine
    sampling: str = later("shuffle")  # shuffle: each clip once; balanced: classes equally often
    steps: int | None = later(None)  # optimiser steps of the training; null: as many as the passes
    keep: str = later("best")  # best, last: the epoch on devel whose weights the trial gives

    def __post_init__(self) -> None:
        at_least(1, epochs=self.epochs)
        at_least(2, batch=self.batch)
        if self.steps is not None:
            at_least(self.epochs, steps=self.steps)
        within("[0, 1)", label_smoothing=self.label_smoothing)
        within("(0, 1)", warmup=self.warmup)
        one_of(tuple(SCHEDULES), schedule=self.schedule)
        one_of(("shuffle", "balanced"), sampling=self.sampling)
        one_of(("best", "last"), keep=self.keep)

    def steps_until(self, epoch: int, n_clips: int) -> int:
        """Return the optimiser steps of the first epochs, given the number of training clips.

        >>> [Recipe(epochs=4, batch=32, steps=15).steps_until(k, 300) for k in range(5)]
        [0, 3, 7, 11, 15]
        >>> Recipe(epochs=10, batch=32).steps_until(10, 300)
        90
        """
        if self.steps is None:
            return epoch * max(1, n_clips // self.batch)
        return self.steps * epoch // self.epochs

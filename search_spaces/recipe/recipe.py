"""How long and on what a network is trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from search_spaces.grammar.kinds import at_least, later, one_of, within
from search_spaces.recipe.schedules import SCHEDULES


def _shuffled(chosen: Mapping[str, Any]) -> bool:
    return bool(chosen["sampling"] == "shuffle")


@dataclass(frozen=True)
class Recipe:
    """How long and on what a network is trained.

    Twelve passes over 300 clips are too few steps to learn from, and 1,000 steps are too few for
    30,000 clips. With `min_steps`, a training makes `epochs` passes, but at least so many optimiser
    steps; with `steps`, exactly so many. An epoch is then the stretch between two evaluations: an
    equal share of the steps, on clips in an order that is drawn anew whenever all have been seen.
    """

    epochs: int = 12  # evaluations on devel, and passes over the training clips, if nothing below
    batch: int = 64
    label_smoothing: float = 0.0
    warmup: float = 0.25  # share of the steps in which the schedule rises
    # Weight the loss by the inverse class frequency; classes drawn equally often need no weights.
    class_balance: bool = field(default=True, metadata={"when": _shuffled})
    schedule: str = later("one_cycle")  # one_cycle, cosine
    sampling: str = later("shuffle")  # shuffle: each clip once; balanced: classes equally often
    steps: int | None = later(None)  # optimiser steps of the training; null: as many as the passes
    min_steps: int | None = later(None)  # optimiser steps at least, whatever the passes
    keep: str = later("best")  # best, last: the epoch on devel whose weights the trial gives

    def __post_init__(self) -> None:
        at_least(1, epochs=self.epochs)
        at_least(2, batch=self.batch)
        for name in ("steps", "min_steps"):
            if (asked := getattr(self, name)) is not None:
                at_least(self.epochs, **{name: asked})
        if self.steps is not None and self.min_steps is not None:
            raise ValueError(
                f"steps or min_steps, not both, got steps={self.steps} and "
                f"min_steps={self.min_steps}"
            )
        within("[0, 1)", label_smoothing=self.label_smoothing)
        within("(0, 1)", warmup=self.warmup)
        one_of(tuple(SCHEDULES), schedule=self.schedule)
        one_of(("shuffle", "balanced"), sampling=self.sampling)
        one_of(("best", "last"), keep=self.keep)

    @property
    def in_steps(self) -> bool:
        """Whether the length is told in optimiser steps, not in passes alone."""
        return self.steps is not None or self.min_steps is not None

    def steps_until(self, epoch: int, n_clips: int) -> int:
        """Return the optimiser steps of the first epochs, given the number of training clips.

        >>> [Recipe(epochs=4, batch=32, steps=15).steps_until(k, 300) for k in range(5)]
        [0, 3, 7, 11, 15]
        >>> Recipe(epochs=10, batch=32).steps_until(10, 300)
        90
        >>> [Recipe(epochs=10, batch=32, min_steps=800).steps_until(10, n) for n in (300, 9600)]
        [800, 3000]
        """
        passes = self.epochs * max(1, n_clips // self.batch)
        total = self.steps or max(passes, self.min_steps or 0)
        return total * epoch // self.epochs

    def for_more_clips(self, factor: float) -> Recipe:
        """Return the recipe with as many passes over so many times the clips.

        >>> Recipe(epochs=4, min_steps=800).for_more_clips(1.5).min_steps
        1200
        """
        longer = {
            name: round(steps * factor)
            for name in ("steps", "min_steps")
            if (steps := getattr(self, name)) is not None
        }
        return replace(self, **longer)

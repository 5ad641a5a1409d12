"""Every spec of a space that leaves only choices open, in the order of its YAML."""

from __future__ import annotations

from typing import Any

from search_spaces.grammar.errors import InputError
from search_spaces.grammar.values import Choice, Range
from search_spaces.space import Space
from search_spaces.spec import TrialSpec
from search_spaces.suggesters import Answers

MAX_SPECS = 10_000


def grid_specs(space: Space) -> list[TrialSpec]:
    """Return one spec for each combination of choices; conditional ones only where they apply.

    A range with a step is a choice among its steps.

    Raises:
        InputError: If a parameter is a range without steps, or there are more than `MAX_SPECS`.
    """
    specs = []
    walk: _Walk | None = _Walk([])
    while walk is not None:
        specs.append(space.suggest(walk))
        walk = walk.next()
        if len(specs) > MAX_SPECS:
            raise InputError(f"sampler: grid has at most {MAX_SPECS} combinations; this has more")
    return specs


class _Walk(Answers):
    """A suggester that takes a given way through the choices, then always the first.

    Args:
        way: Index of the choice taken, by the order of asking.
    """

    def __init__(self, way: list[int]) -> None:
        self.way = way
        self.sizes: list[int] = []

    def next(self) -> _Walk | None:
        """Return the next way: the last choice that has a further one is turned."""
        way = (self.way + [0] * len(self.sizes))[: len(self.sizes)]
        for position in range(len(way) - 1, -1, -1):
            if way[position] + 1 < self.sizes[position]:
                return _Walk([*way[:position], way[position] + 1])
        return None

    def answer(self, name: str, values: Choice | Range) -> Any:
        """Return the choice or the step whose turn it is."""
        position = len(self.sizes)
        turn = self.way[position] if position < len(self.way) else 0
        if isinstance(values, Choice):
            self.sizes.append(len(values.values))
            return values.values[turn]
        if values.log or values.step is None:
            form = "a value or a list" if values.whole else "a value, a list or a range with `step`"
            kind = "a logarithmic range of " if values.whole else ""
            raise InputError(
                f"sampler: grid needs {form} for {name}, got {kind}{values.low:g} to"
                f" {values.high:g}"
            )
        self.sizes.append(values.n_steps)
        return values.at_step(turn)

"""Every spec of a space that leaves only choices open, in the order of its YAML."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from search_spaces.grammar.errors import InputError
from search_spaces.space import Space
from search_spaces.spec import TrialSpec

__all__ = ["MAX_SPECS", "grid_specs"]

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


class _Walk:
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
        for place in range(len(way) - 1, -1, -1):
            if way[place] + 1 < self.sizes[place]:
                return _Walk([*way[:place], way[place] + 1])
        return None

    def _take(self, choices: Sequence[Any]) -> Any:
        place = len(self.sizes)
        self.sizes.append(len(choices))
        return choices[self.way[place] if place < len(self.way) else 0]

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        """Choose one of the choices."""
        return self._take(choices)

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float:
        """Choose a step of the range."""
        if step is None:
            raise InputError(
                f"sampler: grid needs a value, a list or a range with `step` for {name}, got"
                f" {low:g} to {high:g}"
            )
        steps = range(int((high - low) / step + 1e-9) + 1)
        return float(self._take([min(high, round(low + i * step, 12)) for i in steps]))

    def suggest_int(
        self, name: str, low: int, high: int, *, step: int = 1, log: bool = False
    ) -> int:
        """Choose a whole number of the range."""
        if log:
            raise InputError(
                f"sampler: grid needs a value or a list for {name}, got a logarithmic range of"
                f" {low} to {high}"
            )
        return int(self._take(range(low, high + 1, step)))

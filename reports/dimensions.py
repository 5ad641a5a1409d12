"""The parameters of the trials as columns, conditional ones included, and the dimension of each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from reports.text import cell
from study.results import TrialRecord

__all__ = ["DIMENSIONS", "Parameter", "branches", "dimension", "varied"]

DIMENSIONS = (
    "spectrogram",
    "scale",
    "channels",
    "amplitude",
    "augment",
    "backbone",
    "recipe",
    "other",
)
# First parts of parameter names that are no dimension's own name. What belongs to a branch
# (`mel.n_bands`) goes to the parameter that chose the branch, which the trials themselves tell.
_BELONGS_TO = {
    "image": "spectrogram",
    "optimizer": "recipe",
    "linear": "scale",
    "log": "scale",
    "mel": "scale",
    "mono": "channels",
    "windows": "channels",
    "db": "amplitude",
    "log1p": "amplitude",
    "root": "amplitude",
    "adamw": "recipe",
    "sgd": "recipe",
}


class Parameter(NamedTuple):
    """One parameter over trials; a value is None where its branch was not taken."""

    name: str
    dimension: str
    values: tuple[Any, ...]

    @property
    def numeric(self) -> bool:
        """Whether all values there are, are numbers."""
        return all(
            isinstance(v, (int, float)) and not isinstance(v, bool)
            for v in self.values
            if v is not None
        )

    @property
    def conditional(self) -> bool:
        """Whether some trial is without it."""
        return any(value is None for value in self.values)

    @property
    def levels(self) -> tuple[Any, ...]:
        """The distinct values in order: numbers by size, others as text; None is left out."""
        known = {cell(v) if not self.numeric else v for v in self.values if v is not None}
        return tuple(sorted(known))


def branches(params: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Which parameter chose a branch: `mel` -> `scale`, as seen in the trials."""
    return {
        value: name for trial in params for name, value in trial.items() if isinstance(value, str)
    }


def dimension(name: str, chosen_by: Mapping[str, str] | None = None) -> str:
    """The dimension a parameter belongs to.

    >>> [dimension(name) for name in ("scale", "mel.n_bands", "augment.noise.p", "adamw.lr")]
    ['scale', 'scale', 'augment', 'recipe']
    >>> dimension("erb.n_bands", {"erb": "scale"})
    'scale'
    """
    first, *rest = name.split(".")
    if rest and first not in DIMENSIONS and chosen_by and first in chosen_by:
        first = chosen_by[first].split(".")[0]
    first = _BELONGS_TO.get(first, first)
    return first if first in DIMENSIONS else "other"


def varied(trials: Sequence[TrialRecord]) -> tuple[Parameter, ...]:
    """The parameters that took at least two values, by dimension and name.

    One that is present with a single value says no more than the choice of its branch.
    """
    chosen_by = branches(trial.params for trial in trials)
    names = {name for trial in trials for name in trial.params}
    columns = (
        Parameter(name, dimension(name, chosen_by), tuple(t.params.get(name) for t in trials))
        for name in names
    )
    kept = [column for column in columns if len(column.levels) > 1]
    return tuple(sorted(kept, key=lambda p: (DIMENSIONS.index(p.dimension), p.name)))

"""The parameters of the trials as columns, conditional ones included, and the dimension of each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from reports.text import cell
from study.trial_record import TrialRecord

__all__ = ["DIMENSIONS", "Parameter", "branches", "dimension", "used_params", "varied"]

DIMENSIONS = (
    "spectrogram",
    "scale",
    "channels",
    "amplitude",
    "augmentation",
    "backbone",
    "recipe",
    "other",
)
# First parts of parameter names that are no dimension's own name. What belongs to a branch
# (`mel.n_bands`) goes to the parameter that chose the branch, which the trials themselves tell.
_BELONGS_TO = {
    "image": "spectrogram",
    "augment": "augmentation",
    "optimizer": "recipe",
    "loss": "recipe",
    "averaging": "recipe",
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
    "focal": "recipe",
    "ema": "recipe",
    "swa": "recipe",
}
_FITTED_AT_ONCE = ("band_svm",)  # backbones without epochs: no optimiser, no augmentation


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
    def switch(self) -> bool:
        """Whether being absent is itself a value: off. An augmentation is there or is not."""
        return self.name.endswith(".p") or len(self.levels) == 1

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
    ['scale', 'scale', 'augmentation', 'recipe']
    >>> dimension("erb.n_bands", {"erb": "scale"})
    'scale'
    """
    first = (_branch(name, chosen_by or {}) or name).split(".")[0]
    first = _BELONGS_TO.get(first, first)
    return first if first in DIMENSIONS else "other"


def used_params(trial: TrialRecord) -> Mapping[str, Any]:
    """The parameters that made a difference to a trial: those that its backbone uses.

    A linear machine is fitted at once, so that its recipe and augmentation are as good as absent.
    """
    if trial.params.get("backbone") not in _FITTED_AT_ONCE:
        return trial.params
    chosen_by = branches([trial.params])
    return {
        name: value
        for name, value in trial.params.items()
        if dimension(name, chosen_by) not in ("augmentation", "recipe")
    }


def _branch(name: str, chosen_by: Mapping[str, str]) -> str | None:
    """The parameter that chose the branch of another; a backbone's name may hold dots."""
    prefix = name.rpartition(".")[0]
    while prefix:
        if prefix in chosen_by:
            return chosen_by[prefix]
        prefix = prefix.rpartition(".")[0]
    return None


def varied(trials: Sequence[TrialRecord]) -> tuple[Parameter, ...]:
    """The parameters that made a difference between trials, by dimension and name.

    They took two values at least; or one, of an augmentation that is elsewhere off, but then only
    one of those that come and go together, `p` before others. What is absent for another reason is
    of a branch that was not taken, or has its default.
    """
    params = [used_params(trial) for trial in trials]
    chosen_by = branches(params)
    names = sorted({name for used in params for name in used})
    columns = [
        Parameter(name, dimension(name, chosen_by), tuple(used.get(name) for used in params))
        for name in names
    ]
    kept = [column for column in columns if len(column.levels) > 1]
    told = {_where(column) for column in kept}
    for column in sorted(columns, key=lambda c: (not c.name.endswith(".p"), c.name)):
        comes_and_goes = len(column.levels) == 1 and column.conditional
        switch = comes_and_goes and column.dimension == "augmentation"
        if switch and _where(column) not in told:
            kept.append(column)
            told.add(_where(column))
    return tuple(sorted(kept, key=lambda p: (DIMENSIONS.index(p.dimension), p.name)))


def _where(parameter: Parameter) -> tuple[str, tuple[bool, ...]]:
    """The part a parameter belongs to, and the trials that have it."""
    return parameter.name.rpartition(".")[0], tuple(v is not None for v in parameter.values)

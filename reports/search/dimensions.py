"""The parameters of the trials as columns, conditional ones included, and the dimension of each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from typing import Any, Final, NamedTuple

from reports.page.text import cell
from study.results import TrialRecord
from study.results.throughput import is_network

# The dimensions in their order, each with the first parts of parameter names that are no
# dimension's own name. What belongs to a branch (`mel.n_bands`) goes to the parameter that chose
# the branch, which the trials themselves tell.
_PARTS = {
    "spectrogram": "image",
    "scale": "linear log mel",
    "channels": "mono windows",
    "amplitude": "db log1p root",
    "augmentation": "augment",
    "backbone": "",
    "recipe": "optimizer loss averaging adamw sgd focal ema swa",
    "other": "",
}
DIMENSIONS = tuple(_PARTS)
_BELONGS_TO = {part: name for name, parts in _PARTS.items() for part in parts.split()}
WIDE = 5.0  # ratio of a range; values drawn from a decade seldom reach its ends


class Missing(Enum):
    """What stands for a parameter whose branch a trial did not take; None is a value, "none"."""

    MISSING = "absent"


MISSING: Final = Missing.MISSING


class Parameter(NamedTuple):
    """One parameter over trials; a value is `MISSING` where its branch was not taken."""

    name: str
    dimension: str
    values: tuple[Any, ...]

    @property
    def known(self) -> tuple[Any, ...]:
        """The values of the trials that have it."""
        return tuple(value for value in self.values if value is not MISSING)

    @property
    def present(self) -> tuple[bool, ...]:
        """Which trials have it."""
        return tuple(value is not MISSING for value in self.values)

    @property
    def numeric(self) -> bool:
        """Whether all values there are, are numbers."""
        return all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in self.known)

    @property
    def logarithmic(self) -> bool:
        """Whether its values belong on a logarithmic axis: numbers above 0 of a wide range."""
        known = self.levels
        return self.numeric and bool(known) and known[0] > 0 and known[-1] / known[0] >= WIDE

    @property
    def switch(self) -> bool:
        """Whether being absent is itself a value: off. An augmentation is there or is not."""
        return self.name.endswith(".p") or len(self.levels) == 1

    @property
    def conditional(self) -> bool:
        """Whether some trial is without it."""
        return not all(self.present)

    @property
    def levels(self) -> tuple[Any, ...]:
        """The distinct values in order: numbers by size, others as text; `MISSING` is left out."""
        if self.numeric:
            return tuple(sorted(set(self.known)))
        return tuple(sorted({level(value) for value in self.known}))


def level(value: Any) -> str:
    """A value as the level of a parameter.

    >>> level(None), level(MISSING), level([8, 16])
    ('none', 'absent', '8+16')
    """
    if value is None:
        return "none"
    return MISSING.value if value is MISSING else cell(value)


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


def fitted_at_once(trial: TrialRecord) -> bool:
    """Whether a trial is a linear machine, without epochs."""
    return not is_network(trial.params.get("backbone"))


def used_params(trial: TrialRecord) -> Mapping[str, Any]:
    """The parameters that made a difference to a trial: those that its backbone uses.

    A linear machine is fitted at once, so that its recipe and augmentation are as good as absent.
    """
    if not fitted_at_once(trial):
        return trial.params
    unused = unused_params(trial)
    return {name: value for name, value in trial.params.items() if name not in unused}


def unused_params(trial: TrialRecord) -> Mapping[str, Any]:
    """Those parameters of a trial that a linear machine has no use for."""
    chosen_by = branches([trial.params])
    return {
        name: value
        for name, value in trial.params.items()
        if dimension(name, chosen_by) in ("augmentation", "recipe")
    }


def _branch(name: str, chosen_by: Mapping[str, str]) -> str | None:
    """The parameter that chose the branch of another; a backbone's name may hold dots."""
    parts = name.split(".")
    prefixes = (".".join(parts[:n]) for n in range(len(parts) - 1, 0, -1))
    return next((chosen_by[prefix] for prefix in prefixes if prefix in chosen_by), None)


def varied(trials: Sequence[TrialRecord]) -> tuple[Parameter, ...]:
    """The parameters that made a difference between trials, by dimension and name."""
    return varied_among([used_params(trial) for trial in trials])


def varied_among(params: Sequence[Mapping[str, Any]]) -> tuple[Parameter, ...]:
    """The parameters that differ between sets of them, by dimension and name.

    They took two values at least; or one, of an augmentation that is elsewhere off, but then only
    one of those that come and go together, `p` before others. What is absent for another reason is
    of a branch that was not taken, or has its default.
    """
    chosen_by = branches(params)
    names = sorted({name for used in params for name in used})
    values = {name: tuple(used.get(name, MISSING) for used in params) for name in names}
    columns = [Parameter(name, dimension(name, chosen_by), values[name]) for name in names]
    kept = [column for column in columns if len(column.levels) > 1]
    known = {_where(column) for column in kept}
    for column in sorted(columns, key=lambda c: (not c.name.endswith(".p"), c.name)):
        comes_and_goes = len(column.levels) == 1 and column.conditional
        switch = comes_and_goes and column.dimension == "augmentation"
        if switch and _where(column) not in known:
            kept.append(column)
            known.add(_where(column))
    return tuple(sorted(kept, key=lambda p: (DIMENSIONS.index(p.dimension), p.name)))


def _where(parameter: Parameter) -> tuple[str, tuple[bool, ...]]:
    """The part a parameter belongs to, and the trials that have it."""
    return parameter.name.rpartition(".")[0], parameter.present

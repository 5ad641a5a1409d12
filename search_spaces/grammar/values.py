"""The values that a parameter may take: a fixed one, a choice, or a range."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from search_spaces.grammar.errors import InputError
from search_spaces.grammar.kinds import check_value, nearest

MAX_CHOICES = 200  # a sampler learns nothing from more


class Suggester(Protocol):
    """Whoever chooses values; an Optuna trial is one."""

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        """Return one of the choices."""

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float:
        """Return a number in [low, high]."""

    def suggest_int(
        self, name: str, low: int, high: int, *, step: int = 1, log: bool = False
    ) -> int:
        """Return a whole number in [low, high]."""


def choice_label(value: Any) -> Any:
    """Return how a choice is named to the sampler and in tables: lists become `8/16/32`.

    >>> choice_label((8.0, 16.0, 32.0))
    '8/16/32'
    """
    if not isinstance(value, tuple):
        return value
    return "/".join(v if isinstance(v, str) else f"{v:g}" for v in value)


@dataclass(frozen=True)
class Fixed:
    """One value, not searched."""

    value: Any

    def suggest(self, name: str, suggester: Suggester) -> Any:
        """Return the value."""
        return self.value

    def parameter(self, value: Any) -> Any:
        """Return None: there is no parameter.

        Raises:
            LookupError: If `value` is another one.
        """
        if value != self.value:
            raise LookupError(value)


@dataclass(frozen=True)
class Choice:
    """One of several values."""

    values: tuple[Any, ...]

    def suggest(self, name: str, suggester: Suggester) -> Any:
        """Return the value chosen."""
        labels = [choice_label(value) for value in self.values]
        return self.values[labels.index(suggester.suggest_categorical(name, labels))]

    def parameter(self, value: Any) -> Any:
        """Return the sampler's name of `value`.

        Raises:
            LookupError: If it is not among the values.
        """
        if value not in self.values:
            raise LookupError(value)
        return choice_label(value)


@dataclass(frozen=True)
class Range:
    """A number in [low, high]."""

    low: float
    high: float
    log: bool = False
    step: float | None = None
    whole: bool = False

    @property
    def n_steps(self) -> int:
        """How many values a range with a step has."""
        return int((self.high - self.low) / (self.step or 1) + 1e-9) + 1

    def at_step(self, i: int) -> float:
        """Return the value at a step from 0."""
        value = min(self.high, round(self.low + i * (self.step or 1), 12))
        return int(value) if self.whole else value

    def suggest(self, name: str, suggester: Suggester) -> Any:
        """Return the number chosen."""
        if self.whole:
            return suggester.suggest_int(
                name, int(self.low), int(self.high), step=int(self.step or 1), log=self.log
            )
        return suggester.suggest_float(name, self.low, self.high, step=self.step, log=self.log)

    def parameter(self, value: Any) -> Any:
        """Return `value`.

        Raises:
            LookupError: If it is outside the range or off its steps.
        """
        if not is_number(value) or not self.low <= value <= self.high:
            raise LookupError(value)
        steps = (value - self.low) / (self.step or (1 if self.whole else 0) or float("inf"))
        if abs(steps - round(steps)) > 1e-9 and (self.step or self.whole):
            raise LookupError(value)
        return value


Values = Fixed | Choice | Range


def is_number(value: Any) -> bool:
    """Return whether a choice is a number: true and false are none."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def choices_of(values: Values) -> tuple[Any, ...]:
    """Return every choice, or both ends of a range."""
    if isinstance(values, Range):
        return (values.low, values.high)
    return values.values if isinstance(values, Choice) else (values.value,)


def parse_values(kind: type, name: str, given: Any, *, where: str) -> Values:
    """Read the values that a space allows for the parameter `name` of `kind`.

    A plain value is fixed; a list is a choice; `{low: , high: , log: , step: }` is a range. A
    parameter that itself is a list (three window lengths) is chosen from a list of lists.

    Raises:
        InputError: With one sentence that begins with `where`.
    """
    if isinstance(given, Mapping):
        return _parse_range(kind, name, given, where=where)
    if not isinstance(given, list):
        return Fixed(check_value(kind, name, given, where=where))
    if given and not any(isinstance(item, list) for item in given):
        try:
            return Fixed(check_value(kind, name, given, where=where))  # a list-valued parameter
        except InputError:
            pass
    if not given:
        raise InputError(f"{where}.{name} must have at least one choice, got []")
    if len(given) > MAX_CHOICES:
        raise InputError(
            f"{where}.{name} must have at most {MAX_CHOICES} choices, got {len(given):,}; give a"
            f" range {{low: , high: }}"
        )
    values = tuple(check_value(kind, name, item, where=where) for item in given)
    labels = [choice_label(value) for value in values]
    twice = [label for label in labels if sum(_same(label, other) for other in labels) > 1]
    if twice:
        raise InputError(f"{where}.{name} must have each choice once, got {twice[0]!r} twice")
    return Fixed(values[0]) if len(values) == 1 else Choice(values)


def _same(a: Any, b: Any) -> bool:
    return type(a) is type(b) and bool(a == b)


def _parse_range(kind: type, name: str, given: Mapping[str, Any], *, where: str) -> Range:
    known = ("low", "high", "log", "step")
    for key in given:
        if key not in known:
            raise InputError(
                f"{where}.{name}: unknown key {key!r}{nearest(key, known)};"
                f" a range has low, high, and log or step"
            )
    for key in ("low", "high"):
        if key not in given:
            raise InputError(f"{where}.{name}: a range needs `{key}`, got {dict(given)!r}")
    low, high = (check_value(kind, name, given[key], where=where) for key in ("low", "high"))
    if not is_number(low):
        raise InputError(f"{where}.{name}: only a number has a range, got low={low!r}")
    if not low < high:
        raise InputError(f"{where}.{name}: low must be below high, got low={low!r}, high={high!r}")
    log, step = given.get("log", False), given.get("step")
    if not isinstance(log, bool):
        raise InputError(f"{where}.{name}: log must be true or false, got {log!r}")
    if log and (step is not None or low <= 0):
        rule = "log and step exclude each other" if step is not None else "log needs low above 0"
        raise InputError(f"{where}.{name}: {rule}, got {dict(given)!r}")
    whole = isinstance(low, int) and isinstance(high, int)
    if step is not None and (not is_number(step) or step <= 0):
        raise InputError(f"{where}.{name}: step must be a number above 0, got {step!r}")
    if whole and step is not None and step != int(step):
        raise InputError(f"{where}.{name}: step must be a whole number, got {step!r}")
    if step is not None and step > high - low:
        raise InputError(f"{where}.{name}: step must fit between low and high, got {step!r}")
    return Range(low, high, log, step, whole)

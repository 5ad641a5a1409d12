"""Suggesters that are no sampler: draws for a check, a spec's own choices, the first, and none."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from typing import Any

from search_spaces.grammar.kinds import applying, fields_of
from search_spaces.grammar.values import Choice, Range, choice_label
from search_spaces.spec import DIMENSIONS, SECTIONS, TrialSpec, augment_name, unused

__all__ = ["Draw", "First", "Recall", "Refuse", "flat_parameters"]


class Draw:
    """A suggester that draws at random, or from the low (1) or the high (2) ends."""

    def __init__(self, rng: random.Random, *, corner: int) -> None:
        self.rng = rng
        self.corner = corner
        self.said = ""

    def _note(self, name: str, value: Any) -> Any:
        self.said += f"{', ' if self.said else ''}{name}={value}"
        return value

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        """Choose one of the choices."""
        return self._note(name, self.rng.choice(list(choices)))

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float:
        """Choose a number."""
        return float(self._note(name, self._drawn(low, high, step, log=log)))

    def suggest_int(
        self, name: str, low: int, high: int, *, step: int = 1, log: bool = False
    ) -> int:
        """Choose a whole number."""
        if log:
            return int(self._note(name, round(self._drawn(low, high, None, log=True))))
        return int(self._note(name, round(self._drawn(low, high, step, log=False))))

    def _drawn(self, low: float, high: float, step: float | None, *, log: bool) -> float:
        """Return a number of a range: on its steps, or uniform in its logarithm."""
        if log:
            drawn = math.exp(self.rng.uniform(math.log(low), math.log(high)))
            return (min(max(drawn, low), high), low, high)[self.corner]
        if step is None:
            return (self.rng.uniform(low, high), low, high)[self.corner]
        most = int((high - low) / step + 1e-9)
        return min(high, round(low + step * (self.rng.randint(0, most), 0, most)[self.corner], 12))


class Recall:
    """A suggester that answers what a spec has; remembers what was asked."""

    def __init__(self, spec: TrialSpec) -> None:
        self.flat: Mapping[str, Any] = _values_by_parameter(spec)
        self.asked: dict[str, Any] = {}

    def _answer(self, name: str) -> Any:
        self.asked[name] = choice_label(self.flat.get(name, 0 if name.endswith(".p") else None))
        return self.asked[name]

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        """Choose one of the choices."""
        value = self._answer(name)
        Choice(tuple(choices)).parameter(value)
        return value

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float:
        """Choose a number."""
        value = self._answer(name)
        Range(low, high, log, step).parameter(value)
        return float(value)

    def suggest_int(
        self, name: str, low: int, high: int, *, step: int = 1, log: bool = False
    ) -> int:
        """Choose a whole number."""
        value = self._answer(name)
        Range(low, high, log, step, whole=True).parameter(value)
        return int(value)


class First:
    """A suggester that takes the first choice and the low end, for what makes no difference."""

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        """Choose the first of the choices."""
        return choices[0]

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float:
        """Choose the lowest number."""
        return low

    def suggest_int(
        self, name: str, low: int, high: int, *, step: int = 1, log: bool = False
    ) -> int:
        """Choose the lowest whole number."""
        return low


class Refuse:
    """A suggester for what must have nothing to choose."""

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        """Choose one of the choices."""
        raise LookupError(name)

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float:
        """Choose a number."""
        raise LookupError(name)

    def suggest_int(
        self, name: str, low: int, high: int, *, step: int = 1, log: bool = False
    ) -> int:
        """Choose a whole number."""
        raise LookupError(name)


def _values_by_parameter(spec: TrialSpec) -> dict[str, Any]:
    """Return every choice of a spec by the name under which a space asks for it."""
    values: dict[str, Any] = {}
    parts = {name: getattr(spec, name) for name in (*DIMENSIONS, *SECTIONS)}
    without = unused(spec.backbone)
    for name, part in parts.items():
        if name in without:
            continue
        kind = name
        if name in DIMENSIONS:
            kind = values[name] = DIMENSIONS[name].name_of(part)
        values |= _meaningful(kind, part, parts)
    for part in spec.augment if "augment" not in without else ():
        values |= _meaningful(f"augment.{augment_name(part)}", part, parts)
    return values


def _meaningful(prefix: str, part: Any, parts: Mapping[str, Any]) -> dict[str, Any]:
    own = {key: getattr(part, key) for key in fields_of(type(part))}
    return {f"{prefix}.{key}": own[key] for key in applying(type(part), own, parts)}


def flat_parameters(spec: TrialSpec) -> dict[str, Any]:
    """Return a spec as flat parameters for tables: `scale`, `mel.n_bands`, `augment.noise.p`."""
    values = _values_by_parameter(spec)
    name = f"{DIMENSIONS['backbone'].name_of(spec.backbone)}.name"
    return {key: choice_label(value) for key, value in values.items() if key != name}

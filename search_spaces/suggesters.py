"""Samplers that learn nothing: random draws, the choices of a spec, the first choice, none."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from typing import Any

from search_spaces.grammar.kinds import applying, fields_of
from search_spaces.grammar.values import Choice, Range, choice_label
from search_spaces.spec import DIMENSIONS, SECTIONS, TrialSpec, augment_name, unused


class Answers:
    """A suggester with one method for every question: choices and ranges alike."""

    def answer(self, name: str, values: Choice | Range) -> Any:
        """Return one of the choices, or a number of the range, for the parameter `name`."""
        raise NotImplementedError

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        """Choose one of the choices."""
        return self.answer(name, Choice(tuple(choices)))

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float:
        """Choose a number."""
        return float(self.answer(name, Range(low, high, log, step)))

    def suggest_int(
        self, name: str, low: int, high: int, *, step: int = 1, log: bool = False
    ) -> int:
        """Choose a whole number."""
        return int(self.answer(name, Range(low, high, log, step, whole=True)))


class Draw(Answers):
    """Draws at random (0), or the low (1) or the high (2) ends; `description` lists the draws."""

    def __init__(self, rng: random.Random, *, corner: int) -> None:
        self.rng = rng
        self.corner = corner
        self.description = ""

    def answer(self, name: str, values: Choice | Range) -> Any:
        """Return a random choice, or number of a range (where `log` is set, of its logarithm)."""
        if isinstance(values, Choice):
            value = self.rng.choice(values.values)
        else:
            value = self._number(values)
        self.description += f"{', ' if self.description else ''}{name}={value}"
        return value

    def _number(self, values: Range) -> float:
        low, high = values.low, values.high
        if values.log:
            drawn = math.exp(self.rng.uniform(math.log(low), math.log(high)))
            number = (min(max(drawn, low), high), low, high)[self.corner]
            return round(number) if values.whole else number
        if values.step is None:
            return (self.rng.uniform(low, high), low, high)[self.corner]
        last = values.n_steps - 1
        return values.at_step((self.rng.randint(0, last), 0, last)[self.corner])


class Recall(Answers):
    """Gives the choices of a spec; `parameters` are those that it was asked for."""

    def __init__(self, spec: TrialSpec) -> None:
        self.flat: Mapping[str, Any] = _values_by_parameter(spec)
        self.parameters: dict[str, Any] = {}

    def answer(self, name: str, values: Choice | Range) -> Any:
        """Return the spec's value; raises `LookupError` if it is not among those offered."""
        value = choice_label(self.flat.get(name, 0 if name.endswith(".p") else None))
        self.parameters[name] = value
        return values.parameter(value)


class First(Answers):
    """Takes the first choice and the low end, for what makes no difference."""

    def answer(self, name: str, values: Choice | Range) -> Any:
        """Return the first choice or the low end."""
        return values.values[0] if isinstance(values, Choice) else values.low


class Refuse(Answers):
    """For what must have nothing to choose."""

    def answer(self, name: str, values: Choice | Range) -> Any:
        """Raise `LookupError`."""
        raise LookupError(name)


def _values_by_parameter(spec: TrialSpec) -> dict[str, Any]:
    """Return every choice of a spec by the name of its parameter in a space."""
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

"""The grammar shared by all searched dimensions.

A *kind* is a frozen dataclass of plain values whose `__post_init__` checks them. A *dimension* is a
table of kinds by name, one of which a trial takes: the frequency scale is `linear` or `mel`. Adding
a choice means adding a dataclass and a row of its table.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from search_spaces.grammar.errors import InputError

# Of the parts chosen before and the kind's own parameters, by name: does a parameter apply?
Condition = Callable[[Mapping[str, Any]], bool]


def nearest(name: str, known: Iterable[str]) -> str:
    """Return ` (did you mean X?)`, or nothing where no known name is near.

    >>> nearest("liner", ["linear", "mel"])
    ' (did you mean linear?)'
    """
    found = difflib.get_close_matches(str(name), list(known), n=1)
    return f" (did you mean {found[0]}?)" if found else ""


def at_least(low: float, **values: float) -> None:
    """Check that every value is finite and at least `low`.

    Raises:
        ValueError: With the rule and the value.
    """
    for name, value in values.items():
        if not math.isfinite(value) or value < low:
            raise ValueError(f"{name} must be at least {low:g}, got {name}={value!r}")


def one_of(choices: tuple[Any, ...], **values: Any) -> None:
    """Check that every value is one of `choices`.

    Raises:
        ValueError: With the rule and the value.
    """
    for name, value in values.items():
        if value not in choices:
            listed = ", ".join(map(str, choices))
            raise ValueError(f"{name} must be one of {listed}, got {name}={value!r}")


def within(interval: str, **values: float) -> None:
    """Check that every value lies in an interval, written as `[0, 1)` (1 itself is not in it).

    Raises:
        ValueError: With the rule and the value.
    """
    low, high = (float(end) for end in interval[1:-1].split(","))
    for name, value in values.items():
        above = low <= value if interval[0] == "[" else low < value
        below = value <= high if interval[-1] == "]" else value < high
        if not (above and below):
            raise ValueError(f"{name} must be in {interval}, got {name}={value!r}")


def ordered(**pair: float) -> None:
    """Check that the first of two values is at most the second: `min_x`, `max_x`.

    Raises:
        ValueError: With the rule and the value.
    """
    (low_name, low), (high_name, high) = pair.items()
    if not low <= high:
        rule = f"{low_name} must be at most {high_name}={high:g}"
        raise ValueError(f"{rule}, got {low_name}={low!r}")


def fields_of(kind: type) -> dict[str, Any]:
    """Return the names of a kind's parameters and their resolved types."""
    hints = typing.get_type_hints(kind)
    return {f.name: hints[f.name] for f in dataclasses.fields(kind) if f.init}


def later(default: Any, *, when: Condition | str | None = None) -> Any:
    """Return a parameter that was added after specs had been stored.

    It is left out of a spec's digest while it has its default: a stored spec keeps its digest.

    Args:
        default: What a spec that does not say it has; what it was before there was a choice.
        when: What the parameter means nothing without: another parameter of the kind, where that
            is false, null or 0, or a condition on everything chosen before. It is then neither
            asked for nor told.
    """
    return dataclasses.field(default=default, metadata={"later": True, "when": when})


def left_out_of_digest(value: Any) -> list[str]:
    """Return the parameters of a kind that are no part of its digest: see `later`."""
    return [
        f.name
        for f in dataclasses.fields(value)
        if f.metadata.get("later") and getattr(value, f.name) == f.default
    ]


def applying(kind: type, values: Mapping[str, Any], parts: Mapping[str, Any]) -> list[str]:
    """Return the parameters of a kind that mean something; see `later`.

    Args:
        kind: The kind.
        values: Its own parameters as far as they are chosen; the others have their defaults.
        parts: The parts of the spec that were chosen before, by the name of their dimension.
    """
    fields = {f.name: f for f in dataclasses.fields(kind) if f.init}
    chosen = {**parts, **{name: f.default for name, f in fields.items()}, **values}

    def applies(when: Condition | str | None) -> bool:
        if when is None:
            return True
        return bool(chosen[when] if isinstance(when, str) else when(chosen))

    return [name for name, f in fields.items() if applies(f.metadata.get("when"))]


def _accepts(hint: Any, value: Any) -> tuple[bool, Any]:
    """Return whether `value` fits the type `hint`, and the value as that type."""
    origin = typing.get_origin(hint)
    if origin in (types.UnionType, typing.Union):
        tried = (_accepts(part, value) for part in typing.get_args(hint))
        return next((result for result in tried if result[0]), (False, value))
    if origin is tuple:
        if not isinstance(value, (list, tuple)):
            return False, value
        parts = [_accepts(typing.get_args(hint)[0], item) for item in value]
        return all(fits for fits, _ in parts), tuple(item for _, item in parts)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return True, float(value)
    if hint in (int, float) and isinstance(value, bool):
        return False, value
    return isinstance(value, hint), value


def _type_name(hint: Any) -> str:
    names = {int: "a whole number", float: "a number", str: "text", bool: "true or false"}
    origin = typing.get_origin(hint)
    if origin in (types.UnionType, typing.Union):
        return " or ".join(_type_name(part) for part in typing.get_args(hint))
    if origin is tuple:
        return "a list of " + _type_name(typing.get_args(hint)[0]).removeprefix("a ") + "s"
    return "null" if hint is type(None) else names.get(hint, str(hint))


def check_value(kind: type, name: str, value: Any, *, where: str) -> Any:
    """Return `value` as the type of the parameter `name` of `kind`.

    Raises:
        InputError: If the kind has no such parameter or the value is of another type.
    """
    hints = fields_of(kind)
    if name not in hints:
        known = ", ".join(hints) or "none"
        raise InputError(
            f"{where}: unknown parameter {name!r}{nearest(name, hints)}; it has {known}"
        )
    fits, converted = _accepts(hints[name], value)
    if not fits:
        hint = _number_hint(value) if isinstance(value, str) else ""
        raise InputError(f"{where}.{name} must be {_type_name(hints[name])}, got {value!r}{hint}")
    return converted


def _number_hint(text: str) -> str:
    """Return how to write a text as the number that it looks like, if it does."""
    try:
        number = text if text.lstrip("+-").isdecimal() else repr(float(text))
    except ValueError:
        return ""
    return f" (YAML reads {text!r} as text; write {number})"


def build(kind: type, values: Mapping[str, Any], *, where: str) -> Any:
    """Make a kind from plain values.

    Raises:
        InputError: If a name, a type or a value is wrong; the sentence begins with `where`.
    """
    checked = {name: check_value(kind, name, value, where=where) for name, value in values.items()}
    try:
        return kind(**checked)
    except (TypeError, ValueError) as error:
        raise InputError(f"{where}: {error}") from error


@dataclass(frozen=True)
class Dimension:
    """A searched dimension: its name in a space and the kinds it can take.

    Args:
        name: As in YAML, in `TrialSpec` and as a parameter of the sampler.
        kinds: Name of a kind to its dataclass.
        other: For a dimension of open names (backbones): the dataclass of any other name, which
            is then its first field `name`; it may refuse the name with a `ValueError`.
    """

    name: str
    kinds: Mapping[str, type]
    other: Callable[..., Any] | None = None

    def kind(self, name: str) -> type:
        """Return the dataclass of the kind `name`.

        Raises:
            InputError: If there is no such kind.
        """
        if name in self.kinds:
            return self.kinds[name]
        if isinstance(self.other, type):
            return self.other
        known = ", ".join(self.kinds)
        raise InputError(
            f"{self.name} must be one of {known}, got {name!r}{nearest(name, self.kinds)}"
        )

    def build(self, name: str, values: Mapping[str, Any], *, where: str = "") -> Any:
        """Make the kind `name` from plain values.

        Raises:
            InputError: If the name or a value is wrong.
        """
        kind = self.kind(name)
        if name not in self.kinds:
            values = {"name": name, **values}
        return build(kind, values, where=where or f"{self.name}.{name}")

    def name_of(self, value: Any) -> str:
        """Return the name under which `value` was built."""
        names = {kind: name for name, kind in self.kinds.items()}
        return names.get(type(value)) or str(value.name)

    def to_dict(self, value: Any) -> dict[str, Any]:
        """Return `{kind: name, parameter: value, ...}`, plain JSON values."""
        plain = dataclasses.asdict(value)
        if type(value) not in self.kinds.values():
            plain.pop("name")
        return {"kind": self.name_of(value), **plain}

    def from_dict(self, plain: Mapping[str, Any]) -> Any:
        """Make the kind from what `to_dict` gave.

        Raises:
            InputError: If it is not of that form.
        """
        if not isinstance(plain, Mapping) or not isinstance(plain.get("kind"), str):
            raise InputError(f"{self.name} must be a mapping with a `kind`, got {plain!r}")
        values = {key: value for key, value in plain.items() if key != "kind"}
        return self.build(plain["kind"], values)

"""Which tensor of a foreign file is which tensor of a timm network."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from search_spaces.grammar.errors import InputError

Shapes = Mapping[str, tuple[int, ...]]  # of tensors by name, in their order

# Counts of batches, which no layer with a momentum reads.
COUNTER = "num_batches_tracked"
# Names that mean the same in every network of PyTorch: tensors of equal shape told apart.
_ROLES = {"weight", "bias", "running_mean", "running_var"}


class KeyMap(NamedTuple):
    """Which tensor is which."""

    names: dict[str, str]  # timm's name -> the file's own
    how: str  # they were matched: a sentence


def match_keys(wanted: Shapes, given: Shapes, *, head: Collection[str], ordered: bool) -> KeyMap:
    """Match the tensors of a file with those of a network.

    By name where the file has every tensor of the body under timm's name and of its shape, perhaps
    behind a common prefix (`module.`). Else all in their order, where each has the shape of the
    one in its place, and the same role where both names tell it (a `bias` is no `weight`). The
    classifier may have another number of classes, or be missing: it is then left out.

    Args:
        wanted: The network's tensors.
        given: The file's.
        head: Names of the network's classifier.
        ordered: Whether the file keeps the order in which a network made its tensors.

    Raises:
        InputError: If they do not fit; with the first that does not.
    """
    counted = sum(name.endswith(COUNTER) for name in given)
    wanted, given = _without_counters(wanted), _without_counters(given)
    body = {name: shape for name, shape in wanted.items() if name not in head}
    names, how = _by_name(wanted, given, body), "by name"
    if not names:
        if not ordered:
            raise InputError(_lacking(body, given))
        names, how = _by_order(wanted, given, body), "by order and shape"
    missing = [name for name in wanted if name not in names]
    left = len(given) - len(names)
    parts = [f"{len(names)} tensors matched {how} ({_example(names, how)})"]
    if missing:
        parts.append(f"the classifier ({', '.join(missing)}) not taken")
    if left:
        parts.append(f"{left} of the file's tensors left out")
    if counted:
        parts.append(f"{counted} counters {COUNTER} left out")
    return KeyMap(names, ", ".join(parts))


def _by_name(wanted: Shapes, given: Shapes, body: Shapes) -> dict[str, str]:
    """Return the map of the first prefix under which all of the body is there; empty if none."""
    first = next(iter(body))
    for key in given:
        if f".{key}".endswith(f".{first}"):
            prefix = key.removesuffix(first)
            names = {
                name: prefix + name
                for name, shape in wanted.items()
                if given.get(prefix + name) == shape
            }
            if body.keys() <= names.keys():
                return names
    return {}


def _by_order(wanted: Shapes, given: Shapes, body: Shapes) -> dict[str, str]:
    """Return the map of tensors in their order; those after the body must be its classifier.

    Raises:
        InputError: If there are too few, or one has another shape or role than its place.
    """
    if len(given) < len(body):
        raise InputError(f"it holds {len(given)} tensors, the network's body has {len(body)}")
    names = dict(zip(body, given, strict=False))
    for place, (name, own) in enumerate(names.items(), 1):
        if given[own] != wanted[name] or _role(own) not in (None, _role(name)):
            raise InputError(
                f"its tensor {place} is {own} of shape {_shape(given[own])}, where the network has"
                f" {name} of shape {_shape(wanted[name])}"
            )
    rest = list(given)[len(body) :]
    head = [name for name in wanted if name not in body]
    shapes = [(wanted[name], given[own]) for name, own in zip(head, rest, strict=False)]
    if rest and (len(rest) != len(head) or any(a[1:] != b[1:] for a, b in shapes)):
        raise InputError(
            f"it holds {len(rest)} tensors after the network's body, the first {rest[0]} of shape"
            f" {_shape(given[rest[0]])}, which are no classifier of it"
        )
    if rest and all(a == b for a, b in shapes):
        names |= dict(zip(head, rest, strict=True))
    return names


def _without_counters(shapes: Shapes) -> Shapes:
    return {name: shape for name, shape in shapes.items() if not name.endswith(COUNTER)}


def _role(name: str) -> str | None:
    last = name.rpartition(".")[2]
    return last if last in _ROLES else None


def _lacking(body: Shapes, given: Shapes) -> str:
    lacking = [name for name, shape in body.items() if given.get(name) != shape]
    return (
        f"{len(lacking)} tensors of the network are not in it under timm's names, the first"
        f" {lacking[0]}, and a .safetensors file keeps no order by which they could be matched"
    )


def _example(names: Mapping[str, str], how: str) -> str:
    name, own = next(iter(names.items()))
    return f"{name}{f' from {own}' if own != name else ''}"


def _shape(shape: Iterable[int]) -> str:
    """Return a shape as people write it.

    >>> _shape((32, 3, 3, 3))
    '32 x 3 x 3 x 3'
    """
    return " x ".join(map(str, shape)) or "a single number"

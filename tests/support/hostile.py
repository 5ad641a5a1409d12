"""Every way to put a wrong value into plain JSON; imported, not collected."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from search_spaces.grammar.errors import InputError

VALUES: tuple[Any, ...] = (
    None, True, -1, 10**30, float("nan"), float("inf"), "../x", [None], {"a": None},
)  # fmt: skip
TEXTS = (
    "", "{", "[]", "3", "null", '"x"', "[" * 100_000, '{"a": %s}' % ("9" * 5000), "\ufeff{}",
)  # fmt: skip


def sentence(error: InputError) -> str:
    """What a person is told; checks that it can be read."""
    for problem in error.problems:
        assert problem
        assert len(problem) < 2000
    return " ".join(error.problems)


def spoilt(plain: Any) -> Iterator[tuple[str, Any]]:
    """Copies of ``plain`` with one value replaced or one key left out, and what was done."""
    for path in _paths(plain):
        for value in VALUES:
            yield f"{'.'.join(map(str, path))} = {value!r}", _put(plain, path, value)
        if path and isinstance(path[-1], str):
            yield f"without {'.'.join(map(str, path))}", _drop(plain, path)


def _paths(value: Any, before: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield before
    if isinstance(value, dict):
        for key in value:
            yield from _paths(value[key], (*before, key))
    elif isinstance(value, list) and value:
        yield from _paths(value[0], (*before, 0))


def _put(plain: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    plain = copy.deepcopy(plain)
    inner = plain
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return plain


def _drop(plain: Any, path: tuple[Any, ...]) -> Any:
    plain = copy.deepcopy(plain)
    inner = plain
    for key in path[:-1]:
        inner = inner[key]
    del inner[path[-1]]
    return plain

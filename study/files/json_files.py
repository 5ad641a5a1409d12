"""Plain JSON as it may be found in a results folder: a value of a wrong kind counts as absent.

Only a file that is no JSON object at all is refused.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from search_spaces.grammar.bounded_file import read_bounded
from search_spaces.grammar.errors import InputError

MAX_BYTES = 300_000_000  # a corpus of a million clips has half of it in clips.json


def read_json(path: Path, most: int = MAX_BYTES) -> Any:
    """What a JSON file of at most so many bytes holds.

    Raises:
        OSError: If there is no such file.
        ValueError: If it is no JSON; an `InputError` where it is too large or no regular file.
    """
    return json.loads(read_bounded(path, most).decode())


def read_object(path: Path, most: int = MAX_BYTES) -> dict[str, Any]:
    """The JSON object that a file of at most so many bytes holds.

    Raises:
        InputError: If there is no such file, or it holds something else.
    """
    try:
        values = read_json(path, most)
    except InputError:
        raise
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: cannot be read as JSON ({error})") from error
    if not isinstance(values, dict):
        raise InputError(f"{path}: must hold a JSON object, got {type(values).__name__}")
    return values


def check_format(path: Path, plain: Mapping[str, Any]) -> None:
    """Check that a file is of this version's format, 1.

    Raises:
        InputError: It is of another one.
    """
    if plain.get("format") != 1:
        raise InputError(f"{path}: format must be 1, got {plain.get('format')!r:.80}")


def mapping(value: Any) -> dict[str, Any]:
    """The mapping as a dict, empty where the value is something else."""
    return dict(value) if isinstance(value, Mapping) else {}


def number(value: Any) -> float | None:
    """A finite float, or None."""
    if isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    return None


def numbers(values: Any) -> tuple[float, ...]:
    """Floats, NaN where a value is missing."""
    if not isinstance(values, Sequence):
        return ()
    return tuple(math.nan if (n := number(value)) is None else n for value in values)


def is_count(value: Any) -> bool:
    """Whether a value is a whole number above 0; `true` is none."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1

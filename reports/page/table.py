"""A table of the page."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from typing import NamedTuple


class Table(NamedTuple):
    """Texts by row; columns of numbers are set flush right."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: tuple[bool, ...]


def table_of(rows: Sequence[Mapping[str, str]], *, words: Container[str] = ()) -> Table | None:
    """The table of rows, texts by column; all have the columns of the first. None without a row.

    Args:
        rows: From top to bottom.
        words: Which columns hold words; all others hold numbers.

    >>> table_of([{"name": "a", "UAR": "71.0 %"}], words=["name"])
    Table(columns=('name', 'UAR'), rows=(('a', '71.0 %'),), numeric=(False, True))
    """
    if not rows:
        return None
    columns = tuple(rows[0])
    texts = tuple(tuple(row[column] for column in columns) for row in rows)
    return Table(columns, texts, tuple(column not in words for column in columns))

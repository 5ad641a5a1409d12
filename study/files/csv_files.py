"""A CSV file that a person gives: text as it is written, every oddity a sentence."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from search_spaces.grammar.errors import InputError

__all__ = ["Table", "read_rows", "spreadsheet_plain", "spreadsheet_safe"]

MAX_BYTES = 500_000_000
FORMULA = ("=", "+", "-", "@", "\t", "\r")


class Table(NamedTuple):
    """The cells of a CSV file.

    Args:
        header: Names of the columns, without white space around them.
        rows: Of as many cells each.
        lines: The line on which each row ends, from 1.
    """

    header: list[str]
    rows: list[list[str]]
    lines: list[int]

    def column(self, names: Sequence[str]) -> int | None:
        """Where the first of the names is that is there.

        Raises:
            InputError: It is there twice.
        """
        name = next((name for name in names if name in self.header), None)
        if name is None:
            return None
        if self.header.count(name) > 1:
            raise InputError(f"the header must have one column {name!r}, got several")
        return self.header.index(name)


def read_rows(path: Path) -> Table:
    """Read a CSV file with a header; commas, semicolons or tabs, whichever the header has most of.

    A byte order mark, CRLF and empty lines are allowed, and so are quoted line ends.

    Raises:
        InputError: It cannot be read, is not UTF-8, not CSV, or a row has not the header's number
            of cells; with file and line.
    """
    try:
        if not path.is_file():  # a pipe or a device may never end
            reason = "there is no such file" if not path.exists() else "it is no file"
            raise InputError(f"{path}: cannot be read: {reason}")
        if (size := path.stat().st_size) > MAX_BYTES:
            raise InputError(f"{path}: must be at most {MAX_BYTES:,} bytes, got {size:,}")
        data = path.read_bytes()
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        byte = error.object[error.start]
        raise InputError(f"{path}:{line}: must be UTF-8 text, got byte 0x{byte:02x}") from error
    except (OSError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}: cannot be read: {error}") from error
    delimiter = max(",;\t", key=text.partition("\n")[0].count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    header: list[str] = []
    rows, lines = [], []
    try:
        for cells in reader:
            if not cells:
                continue
            if not header:
                header = [cell.strip() for cell in cells]
            elif len(cells) != len(header):
                rule = f"must have {len(header)} cells as the header"
                raise InputError(f"{path}:{reader.line_num}: {rule}, got {len(cells)}")
            else:
                rows.append(cells)
                lines.append(reader.line_num)
    except csv.Error as error:
        raise InputError(f"{path}:{reader.line_num}: must be CSV: {error}") from error
    return Table(header, rows, lines)


def spreadsheet_safe(text: str) -> str:
    """Text that a spreadsheet takes for text, not for a formula; `spreadsheet_plain` undoes it.

    >>> spreadsheet_safe("=1+1"), spreadsheet_safe("mask")
    ("'=1+1", 'mask')
    """
    return f"'{text}" if text.startswith((*FORMULA, "'")) else text


def spreadsheet_plain(cell: str) -> str:
    """The text that `spreadsheet_safe` made a cell of; other tools' cells stay as they are.

    >>> spreadsheet_plain("'-1"), spreadsheet_plain("-1"), spreadsheet_plain("'mask'")
    ('-1', '-1', "'mask'")
    """
    return cell[1:] if cell.startswith("'") and cell[1:].startswith((*FORMULA, "'")) else cell

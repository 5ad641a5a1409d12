"""CSV files: read as the text that is written, every oddity a message; written for spreadsheets."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from search_spaces.grammar.bounded_file import read_bounded
from search_spaces.grammar.errors import InputError

if TYPE_CHECKING:  # the room is read by commands that answer at once
    import numpy as np
    from numpy.typing import NDArray

MAX_BYTES = 500_000_000
FORMULA = ("=", "+", "-", "@", "\t", "\r")


class CsvError(Exception):
    """A file is no CSV.

    Args:
        line: From 1; None where it is the file as a whole.
        rule: What it must be.
        value: What it is instead.
    """

    def __init__(self, line: int | None, rule: str, value: object) -> None:
        self.line, self.rule, self.value = line, rule, value
        super().__init__(f"{rule}, got {value}")


class CsvTable(NamedTuple):
    """The cells of a CSV file."""

    path: Path
    header: list[str]  # names of the columns, without white space around them
    rows: list[list[str]]  # of as many cells each
    lines: list[int]  # the line on which each row ends, from 1

    def plain(self) -> CsvTable:
        """The same without what `spreadsheet_safe` put in front of cells."""
        rows = [[spreadsheet_plain(cell) for cell in row] for row in self.rows]
        return self._replace(header=[spreadsheet_plain(name) for name in self.header], rows=rows)

    def column(self, names: Sequence[str]) -> int | None:
        """Where the first of the names is that is there.

        Raises:
            InputError: It is there twice.
        """
        name = next((name for name in names if name in self.header), None)
        if name is None:
            return None
        if self.header.count(name) > 1:
            raise InputError(f"{self.path}: the header must have one column {name!r}, got several")
        return self.header.index(name)


def csv_rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield each row of a CSV file, the header first: the line on which it ends, and its cells.

    Cells are separated by commas, semicolons or tabs, whichever the first line has most of. A byte
    order mark, CRLF and quoted line ends are allowed; an empty line has no cells.

    Raises:
        CsvError: It cannot be read, is not UTF-8 or not CSV.
    """
    try:
        text = read_bounded(path, MAX_BYTES).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        byte = f"byte 0x{error.object[error.start]:02x}"
        raise CsvError(line, "must be UTF-8 text", byte) from error
    except InputError as error:
        rule, _, value = str(error).removeprefix(f"{path}: ").rpartition(", got ")
        raise CsvError(None, rule, value) from error
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        value = getattr(error, "strerror", None) or str(error)
        raise CsvError(None, "must be there and readable", value) from error
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=csv_delimiter(text), strict=True)
    try:
        yield from ((rows.line_num, cells) for cells in rows)
    except csv.Error as error:
        raise CsvError(rows.line_num, "must be CSV", error) from error


def csv_delimiter(text: str) -> str:
    """Return the separator that the first line has most of; a comma where it has none."""
    return max(",;\t", key=text.partition("\n")[0].count)


def read_rows(path: Path) -> CsvTable:
    """Read a CSV file with a header; see `csv_rows`.

    Raises:
        InputError: It is no CSV file, or a row has not the header's number of cells.
    """
    header: list[str] = []
    rows, lines = [], []
    try:
        for line, cells in csv_rows(path):
            if not header:
                header = [cell.strip() for cell in cells]
            elif cells and len(cells) != len(header):
                raise CsvError(line, f"must have {len(header)} cells as the header", len(cells))
            elif cells:
                rows.append(cells)
                lines.append(line)
    except CsvError as error:
        where = path if error.line is None else f"{path}:{error.line}"
        raise InputError(f"{where}: {error}") from error
    return CsvTable(path, header, rows, lines)


def cell_number(cell: str) -> float:
    """The number in a cell; NaN where there is none.

    >>> cell_number(" 1e-2"), cell_number("1_0"), cell_number("")  # 1_0 is a number of Python's
    (0.01, nan, nan)
    """
    try:
        return math.nan if "_" in cell else float(cell)
    except ValueError:
        return math.nan


def csv_text(rows: Iterable[Iterable[object]]) -> str:
    r"""Return rows as CSV, cells as they are.

    >>> csv_text([("a", "b"), (1, "x,y")])
    'a,b\n1,"x,y"\n'
    """
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue()


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


def predictions_csv(
    names: Sequence[str],
    labels: Sequence[str],
    classes: Sequence[str],
    probabilities: NDArray[np.float64],
    others: Sequence[Mapping[str, str]] = (),
) -> str:
    """Return `file_name,label,prediction,prob_<class>...`; `label` is empty where it is blind.

    Args:
        names: File names, (clips,).
        labels: Class names or empty, (clips,).
        classes: Class names, in the order of the last axis.
        probabilities: (clips, classes).
        others: Further columns by name, of each clip; none by default.
    """
    own = ["file_name", "label", "prediction", *(f"prob_{name}" for name in classes)]
    more = list(dict.fromkeys(column for clip in others for column in clip))
    called: list[str] = []
    for column in more:
        while column in own or column in called:
            column = f"{column} (as given)"
        called.append(column)
    rows = [list(map(spreadsheet_safe, [*own, *called]))]
    guesses = probabilities.argmax(1)
    rest = others or [{}] * len(names)
    for name, label, guess, row, clip in zip(
        names, labels, guesses, probabilities, rest, strict=True
    ):
        cells = map(spreadsheet_safe, [name, label, classes[guess]])
        kept = (spreadsheet_safe(clip.get(column, "")) for column in more)
        rows.append([*cells, *(f"{p:.6f}" for p in row), *kept])
    return csv_text(rows)

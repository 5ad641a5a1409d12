"""Label files: CSV whose columns go by several names, read as text."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

from search_spaces.grammar.bounded_file import check_bounded
from search_spaces.grammar.errors import InputError
from study.corpus.layouts.problems import Problems
from study.corpus.layouts.rows import BLIND

__all__ = ["COLUMNS", "Speakers", "header_of", "known", "others", "read_speakers", "read_table"]

MAX_BYTES = 500_000_000  # of a label file

Speakers = dict[str, tuple[str | None, dict[str, str]]]

# A column's name here, and what else it is called in the wild; the first that is there is taken.
COLUMNS: dict[str, tuple[str, ...]] = {
    "file_name": ("file_name", "filename", "file", "path"),
    "partition": ("partition", "split", "subset"),
    "speaker": ("speaker", "speaker_id"),
}


def read_table(
    root: Path,
    name: str,
    columns: Sequence[str],
    problems: Problems,
    *,
    label_column: str | None = None,
) -> Iterator[tuple[int, dict[str, str]]]:
    """Rows of a CSV file as text, with their line numbers; wrong lines go to ``problems``.

    Values stay the strings they are: ``NA``, ``no`` and ``01`` are labels like any other. A byte
    order mark, CRLF, empty lines, and semicolons or tabs instead of commas are allowed.

    Args:
        root: The corpus folder.
        name: The file, relative to it.
        columns: Those that must be there.
        problems: Told what is wrong.
        label_column: What the column ``label`` is called in this file.

    Yields:
        Line and values by column; columns with several names under the one of ``COLUMNS``.
    """
    path = root / name
    if not path.is_file() or path.stat().st_size > MAX_BYTES:  # a pipe or a device has no end
        problems.add(name, None, f"must be a file of at most {MAX_BYTES:,} bytes", "another")
        return
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        problems.add(name, line, "must be UTF-8 text", f"byte 0x{error.object[error.start]:02x}")
        return
    except OSError as error:
        problems.add(name, None, "must be a readable file", error.strerror or error)
        return
    reader = csv.reader(io.StringIO(text, newline=""), strict=True, delimiter=_delimiter(text))
    try:
        given = [column.strip() for column in next(reader, [])]
        header = _canonical(given, label_column)
        for column in columns:
            if header.count(column) != 1:
                found = ", ".join(map(repr, given)) or "an empty file"
                problems.add(name, 1, f"the header must have {_said(column, label_column)}", found)
        if any(header.count(column) != 1 for column in columns):
            return
        for cells in reader:
            if not cells:
                continue
            if len(cells) != len(header):
                rule = f"a line must have the header's {len(header)} values"
                problems.add(name, reader.line_num, rule, f"{len(cells)} in {','.join(cells)!r}")
                continue
            yield reader.line_num, dict(zip(header, cells, strict=True))
    except csv.Error as error:
        problems.add(name, reader.line_num, "must be CSV", error)


def header_of(path: Path) -> list[str]:
    """Columns of a CSV file by their names in ``COLUMNS``; none where it is not one."""
    try:
        check_bounded(path, MAX_BYTES)
        with path.open("rb") as file:
            text = file.readline(65536).decode("utf-8-sig")
        cells = next(csv.reader([text], strict=True, delimiter=_delimiter(text)), [])
    except (OSError, InputError, UnicodeDecodeError, csv.Error):
        return []
    return _canonical([cell.strip() for cell in cells], None)


def read_speakers(root: Path, name: str, problems: Problems) -> Speakers:
    """Speaker and other columns by file name, from a file that may not be there."""
    found: Speakers = {}
    if not (root / name).exists():
        return found
    for line, cells in read_table(root, name, ("file_name", "speaker"), problems):
        clip, speaker = cells["file_name"], known(cells["speaker"])
        if clip in found and found[clip][0] != speaker:
            value = f"{found[clip][0]!r} and {speaker!r} for {clip!r}"
            problems.add(name, line, "a clip must have one speaker", value)
        found.setdefault(clip, (speaker, others(cells)))
    return found


def known(text: str | None) -> str | None:
    """The value of an optional column; None where it is empty or kept back."""
    return None if text is None or text.strip() in ("", BLIND) else text


def others(cells: dict[str, str]) -> dict[str, str]:
    """The columns that mean nothing to spectune: a clip's metadata."""
    meant = {*COLUMNS, "label", "start", "end"}
    return {key: value for key, value in cells.items() if key not in meant and value.strip()}


def _delimiter(text: str) -> str:
    """The separator that the header line has most of; a comma where it has none."""
    header = text.partition("\n")[0]
    return max(",;\t", key=header.count)


def _canonical(header: list[str], label_column: str | None) -> list[str]:
    names = {}
    for column, aliases in COLUMNS.items():
        there = next((alias for alias in aliases if alias in header), None)
        if there is not None:
            names[there] = column
    if label_column is not None and label_column != "label":
        # Two names would meet in one dict: what is called `label` is then metadata.
        header = ["label (as written)" if name == "label" else name for name in header]
        names[label_column] = "label"
    return [names.get(name, name) for name in header]


def _said(column: str, label_column: str | None) -> str:
    if column == "label" and label_column is not None:
        return f"one column {label_column!r}"
    aliases = [alias for alias in COLUMNS.get(column, ()) if alias != column]
    return f"one column {column!r}" + (f" (or {', '.join(aliases)})" if aliases else "")

"""Label files: CSV whose columns go by several names, read as text."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from search_spaces.grammar.bounded_file import check_bounded
from search_spaces.grammar.errors import InputError
from study.corpus.layouts.names import COLUMNS
from study.corpus.layouts.problems import Problems
from study.corpus.layouts.rows import BLIND, Row
from study.files.csv_files import MAX_BYTES, CsvError, csv_delimiter, csv_rows

Speakers = dict[str, tuple[str | None, dict[str, str]]]


def read_table(
    root: Path,
    name: str,
    columns: Sequence[str],
    problems: Problems,
    *,
    label_column: str | None = None,
) -> Iterator[tuple[int, dict[str, str]]]:
    """Rows of a CSV file as text, with their line numbers; wrong lines go to ``problems``.

    Values stay the strings they are: ``NA``, ``no`` and ``01`` are labels like any other; see
    :func:`study.files.csv_files.csv_rows` for what is read.

    Args:
        root: The corpus folder.
        name: The file, relative to it.
        columns: Those that must be there.
        problems: Takes what is wrong.
        label_column: What the column ``label`` is called in this file.

    Yields:
        Line and values by column; columns with several names under the one of ``COLUMNS``.
    """
    rows = csv_rows(root / name)
    try:
        given = [column.strip() for column in next(rows, (1, []))[1]]
        header = canonical(given, label_column)
        counts = Counter(header)
        twice = [column for column, n in counts.items() if column and n > 1]
        wrong = dict.fromkeys([column for column in columns if not counts[column]] + twice)
        for column in wrong:
            found = ", ".join(map(repr, given)) or "an empty file"
            problems.add(name, 1, f"the header must have {_expected(column, label_column)}", found)
        if wrong:
            return
        for line, cells in rows:
            if len(cells) == len(header):
                yield line, dict(zip(header, cells, strict=True))
            elif cells:
                rule = f"a line must have the header's {len(header)} values"
                problems.add(name, line, rule, f"{len(cells)} in {','.join(cells)!r}")
    except CsvError as error:
        problems.add(name, error.line, error.rule, error.value)


def header_of(path: Path) -> list[str]:
    """Columns of a CSV file as they are written; none where it is not one."""
    try:
        check_bounded(path, MAX_BYTES)
        with path.open("rb") as file:
            text = file.readline(65536).decode("utf-8-sig")
        cells = next(csv.reader([text], strict=True, delimiter=csv_delimiter(text)), [])
    except (OSError, InputError, UnicodeDecodeError, csv.Error):
        return []
    return [cell.strip() for cell in cells]


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


def check_speakers(name: str, speakers: Speakers, rows: Sequence[Row], problems: Problems) -> None:
    """Say where a file of speakers names none of the clips, or gives a clip a second speaker.

    Args:
        name: The file, relative to the corpus folder.
        speakers: As it was read.
        rows: The clips with their speakers.
        problems: Takes what is wrong.
    """
    if speakers and rows and not any(row.file_name in speakers for row in rows):
        first = next(iter(speakers))
        value = f"none in {len(speakers):,}: {first!r} and not {rows[0].file_name!r}"
        problems.add(name, None, "must name clips of the corpus", value)
    for row in rows:
        listed, _ = speakers.get(row.file_name, (None, {}))
        if listed is not None and listed != row.speaker:
            value = f"{row.speaker!r} and, in {name}, {listed!r} for {row.file_name!r}"
            problems.add(row.file, row.line, "a clip must have one speaker", value)


def known(text: str | None) -> str | None:
    """The value of an optional column; None where it is empty or kept back."""
    return None if text is None or text.strip() in ("", BLIND) else text


def others(cells: dict[str, str]) -> dict[str, str]:
    """The columns that mean nothing to spectune: a clip's metadata."""
    meant = {*COLUMNS, "label", "start", "end"}
    return {key: value for key, value in cells.items() if key not in meant and value.strip()}


def canonical(header: list[str], label_column: str | None) -> list[str]:
    """Return columns by their names in ``COLUMNS``; the label is called `label`."""
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


def _expected(column: str, label_column: str | None) -> str:
    if column == "label" and label_column is not None:
        return f"one column {label_column!r}"
    aliases = [alias for alias in COLUMNS.get(column, ()) if alias != column]
    return f"one column {column!r}" + (f" (or {', '.join(aliases)})" if aliases else "")

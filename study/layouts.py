"""How corpora lie on disk: one reader per layout, one row per layout in ``LAYOUTS``.

A reader only reads: it turns label files into rows and says what it could not read. Whether the
rows make a corpus (files on disk, classes, partitions) is judged in one place, ``study.corpus``.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

__all__ = ["LAYOUTS", "Layout", "Problems", "Row", "find_layout"]

BLIND = "?"  # the challenges' mark for a label that is kept back
_TOLD_SINGLY = 5  # more problems of one kind become one sentence
_NAMED = 3  # and that one names this many


class Problems:
    """What is wrong with a corpus, collected so that it is told at once."""

    def __init__(self) -> None:
        self._kinds: dict[tuple[str, str], list[tuple[int | None, str]]] = {}

    def add(self, file: str, line: int | None, rule: str, value: object) -> None:
        """Note that at ``file``, ``line`` the ``rule`` is broken by ``value``."""
        self._kinds.setdefault((file, rule), []).append((line, str(value)))

    def __len__(self) -> int:
        return sum(map(len, self._kinds.values()))

    def sentences(self) -> list[str]:
        """One sentence per problem, or per kind where many are alike.

        >>> problems = Problems()
        >>> problems.add("labels.csv", 7, "a label must not be empty", "'a.wav'")
        >>> problems.sentences()
        ["labels.csv line 7: a label must not be empty, got 'a.wav'"]
        """
        told: list[str] = []
        for (file, rule), cases in self._kinds.items():
            if len(cases) <= _TOLD_SINGLY:
                told += [f"{_place(file, line)}: {rule}, got {value}" for line, value in cases]
                continue
            first = ", ".join(
                value if line is None else f"{value} (line {line})"
                for line, value in cases[:_NAMED]
            )
            told.append(f"{file}: {rule}, broken {len(cases):,} times, first by {first}")
        return told


def _place(file: str, line: int | None) -> str:
    return file if line is None else f"{file} line {line}"


@dataclass(frozen=True)
class Row:
    """One line of a label file, not judged yet.

    Attributes:
        file_name: As written in the label file; what predictions are written under.
        path: Where the audio should be, relative to the corpus folder, with forward slashes.
        label: As written; None when blind.
        partition: As written or as the file name says, not yet one of train, devel, test.
        speaker: None when not known.
        file: The label file, relative to the corpus folder.
        line: Its line, from 1.
    """

    file_name: str
    path: str
    label: str | None
    partition: str
    speaker: str | None
    file: str
    line: int


@dataclass(frozen=True)
class Layout:
    """A way to lay out a corpus.

    Attributes:
        name: Told to people and kept with the study.
        shape: The files that make it, for the sentence that says what is known.
        matches: Whether a folder looks like this layout; looks at names only.
        read: Folder and problems -> rows in the order of the label files.
    """

    name: str
    shape: str
    matches: Callable[[Path], bool] = field(repr=False)
    read: Callable[[Path, Problems], list[Row]] = field(repr=False)


def find_layout(root: Path) -> Layout | None:
    """The first layout in ``LAYOUTS`` that the folder looks like."""
    return next((layout for layout in LAYOUTS if layout.matches(root)), None)


def read_table(
    root: Path, name: str, columns: tuple[str, ...], problems: Problems
) -> Iterator[tuple[int, dict[str, str]]]:
    """Rows of a CSV file as text, with their line numbers; wrong lines go to ``problems``.

    Values stay the strings they are: ``NA``, ``no`` and ``01`` are labels like any other. A byte
    order mark, CRLF and empty lines are allowed.
    """
    try:
        text = (root / name).read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        problems.add(name, line, "must be UTF-8 text", f"byte 0x{error.object[error.start]:02x}")
        return
    except OSError as error:
        problems.add(name, None, "must be a readable file", error.strerror or error)
        return
    reader = csv.reader(text.splitlines(keepends=True), strict=True)
    try:
        header = [column.strip() for column in next(reader, [])]
        for column in columns:
            if header.count(column) != 1:
                found = ", ".join(map(repr, header)) or "an empty file"
                problems.add(name, 1, f"the header must have one column {column!r}", found)
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


def _read_compare2020(root: Path, problems: Problems) -> list[Row]:
    speakers: dict[str, str] = {}
    if (root / "lab/speakers.csv").exists():
        named = read_table(root, "lab/speakers.csv", ("file_name", "speaker"), problems)
        for line, cells in named:
            name, speaker = cells["file_name"], cells["speaker"]
            if speakers.setdefault(name, speaker) != speaker:
                rule = "a clip must have one speaker"
                value = f"{speakers[name]!r} and {speaker!r} for {name!r}"
                problems.add("lab/speakers.csv", line, rule, value)
    table = read_table(root, "lab/labels.csv", ("file_name", "label"), problems)
    rows = []
    for line, cells in table:
        name, label = cells["file_name"], cells["label"]
        known = speakers.get(name)
        rows.append(
            Row(
                file_name=name,
                path=f"wav/{name}",
                label=None if label == BLIND else label,
                partition=PurePosixPath(name).name.partition("_")[0],
                speaker=None if known in ("", BLIND) else known,
                file="lab/labels.csv",
                line=line,
            )
        )
    return rows


LAYOUTS: tuple[Layout, ...] = (
    Layout(
        name="compare2020",
        shape="wav/ and lab/labels.csv (file_name,label), partition = file name's prefix",
        matches=lambda root: (root / "lab/labels.csv").is_file(),
        read=_read_compare2020,
    ),
)

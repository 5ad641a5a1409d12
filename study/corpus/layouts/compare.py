"""The layouts of the ComParE challenges: `wav/` and label files in `lab/`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from study.corpus.layouts.problems import Problems
from study.corpus.layouts.rows import BLIND, Row, Source
from study.corpus.layouts.tables import (
    Speakers,
    check_speakers,
    known,
    others,
    read_speakers,
    read_table,
)

_LABELS = "lab/labels.csv"
_SPEAKERS = "lab/speakers.csv"
_WHOLE = "a clip of a label file is a whole file; segments are listed in a manifest"
_FILES = {  # of 2021 on, one of each
    "train": ("lab/train.csv",),
    "devel": ("lab/devel.csv", "lab/dev.csv"),
    "test": ("lab/test.csv",),
}


def is_2020(source: Source) -> bool:
    """Whether there is one label file for all partitions."""
    return (source.root / _LABELS).is_file()


def is_2021(source: Source) -> bool:
    """Whether there is a label file per partition."""
    return (source.root / "lab/train.csv").is_file()


def read_2020(source: Source, problems: Problems) -> list[Row]:
    """Rows of `lab/labels.csv`; the partition is the file name's prefix."""
    speakers = read_speakers(source.root, _SPEAKERS, problems)
    rows = list(_rows(source, _LABELS, None, speakers, problems))
    check_speakers(_SPEAKERS, speakers, rows, problems)
    return rows


def read_2021(source: Source, problems: Problems) -> list[Row]:
    """Rows of `lab/{train,devel,test}.csv`; a blind test file may have no labels at all."""
    rows: list[Row] = []
    speakers = read_speakers(source.root, _SPEAKERS, problems)
    for partition, names in _FILES.items():
        there = [name for name in names if (source.root / name).is_file()]
        if len(there) > 1:
            rule = f"there must be one label file of {partition}"
            problems.add(there[1], None, rule, f"{there[0]} beside it")
        if there:
            rows += _rows(source, there[0], partition, speakers, problems)
    check_speakers(_SPEAKERS, speakers, rows, problems)
    return rows


def _rows(
    source: Source, file: str, partition: str | None, speakers: Speakers, problems: Problems
) -> Iterator[Row]:
    needed = ("file_name",) if partition == "test" else ("file_name", "label")
    table = read_table(source.root, file, needed, problems, label_column=source.label_column)
    for line, cells in table:
        name = cells["file_name"]
        label = None if (text := cells.get("label", BLIND)).strip() == BLIND else text
        if times := [cells[key] for key in ("start", "end") if cells.get(key, "").strip()]:
            problems.add(file, line, _WHOLE, f"{' and '.join(map(repr, times))} for {name!r}")
        speaker, more = speakers.get(name, (None, {}))
        speaker = known(cells.get("speaker")) or speaker
        part = partition or PurePosixPath(name).name.partition("_")[0]
        metadata = more | others(cells)
        yield Row(
            name, source.at("wav/") + name, label, part, speaker, file, line, metadata=metadata
        )

"""Partitions written down: a CSV `file_name,partition,...` that a person can read and change."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from search_spaces.grammar.errors import InputError
from study.corpus.layouts import Problems, Row
from study.corpus.layouts.names import PARTITION_RULE, Partition, known_partition
from study.corpus.layouts.rows import BLIND
from study.corpus.layouts.tables import read_table
from study.files import new_file
from study.files.csv_files import csv_text, spreadsheet_plain, spreadsheet_safe


def read_partitions(path: Path, names: Sequence[str]) -> dict[str, Partition]:
    """Partition by file name.

    Args:
        path: The CSV.
        names: The corpus's clips; the file may name no others. Which of them it leaves out is
            validated where the corpus is.

    Raises:
        InputError: With everything that is wrong in it.
    """
    problems = Problems()
    clips = set(names)
    found: dict[str, Partition] = {}
    for line, cells in read_table(path.parent, path.name, ("file_name", "partition"), problems):
        name, text = spreadsheet_plain(cells["file_name"]), cells["partition"]
        partition = known_partition(text)
        if partition is None:
            problems.add(path.name, line, PARTITION_RULE, f"{text!r} for {name!r}")
        elif name not in clips:
            problems.add(path.name, line, "a clip must be one of the corpus", repr(name))
        elif name in found:
            problems.add(path.name, line, "a clip must be listed once", repr(name))
        else:
            found[name] = partition
    problems.check(path.parent)
    return found


def write_partitions(
    path: Path,
    rows: Sequence[Row],
    partitions: Mapping[str, Partition],
    *,
    columns: Sequence[str] = (),
) -> None:
    """Write partitions with label, speaker and columns of the metadata beside them.

    Raises:
        InputError: There is something at ``path`` already.
    """
    table = [["file_name", "partition", "label", "speaker", *columns]]
    for row in rows:
        label = BLIND if row.label is None else row.label
        cells = [row.file_name, partitions[row.file_name], label, row.speaker or ""]
        table.append(cells + [row.metadata.get(column, "") for column in columns])
    if os.path.lexists(path):
        raise InputError(f"{path}: exists already; nothing was written")
    with new_file(path) as file:
        file.write(csv_text(map(spreadsheet_safe, cells) for cells in table).encode())

"""A small clean corpus as a table, and ways to plant leaks in it."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from study.checking.facts import facts_of
from study.checking.table import ClipTable
from study.corpus.layouts.names import PARTITIONS

Wave = NDArray[np.floating[Any]]


def read_table(root: Path) -> ClipTable:
    """The table of a corpus in the ComParE 2020 layout with speakers; every file is read."""
    names, labels = columns(root / "lab/labels.csv")
    speakers = dict(zip(*columns(root / "lab/speakers.csv"), strict=True))
    paths = [root / "wav" / name for name in names]
    stats = [path.stat() for path in paths]
    return ClipTable(
        names=tuple(names),
        labels=tuple(None if label == "?" else label for label in labels),
        partition=np.array([PARTITIONS.index(name.split("_")[0]) for name in names]),
        speakers=tuple(speakers[name] for name in names),
        facts=np.concatenate([facts_of(path.read_bytes()) for path in paths]),
        stamps=np.array([(stat.st_size, stat.st_mtime_ns) for stat in stats]),
        outside=np.zeros(len(names), bool),
    )


def columns(path: Path) -> tuple[list[str], list[str]]:
    """The two columns of a CSV file."""
    with path.open(newline="") as file:
        rows = list(csv.reader(file))[1:]
    return [row[0] for row in rows], [row[1] for row in rows]


def replant(root: Path, table: ClipTable, change: Callable[[int, Wave], Wave]) -> ClipTable:
    """The table after ``change(row, wave)`` of every clip; the files stay what they are."""
    facts = table.facts.copy()
    for i, name in enumerate(table.names):
        wave, rate = soundfile.read(root / "wav" / name, dtype="float32")
        facts[i] = facts_of(encoded(change(i, wave), rate))[0]
    return table._replace(facts=facts)


def encoded(wave: Wave, rate: int, **options: Any) -> bytes:
    """A 16-bit WAV file in memory, or what the options of ``soundfile.write`` say."""
    options = {"format": "WAV", "subtype": "PCM_16", **options}
    if options["subtype"] == "PCM_16":  # libsndfile's writers scale floats one way or another
        wave = np.clip(np.rint(wave * 32768), -32768, 32767).astype(np.int16)
    file = io.BytesIO()
    soundfile.write(file, wave, rate, **options)
    return file.getvalue()

"""Writing what a corpus in the layout of ComParE 2020 has beside its audio."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from numpy.random import Generator

from search_spaces.grammar.errors import InputError
from study.corpus.layouts.names import PARTITIONS
from study.corpus.layouts.rows import BLIND
from study.files import csv_text


def is_written(folder: Path, info: Mapping[str, Any]) -> bool:
    """Whether a folder holds the corpus that this ``corpus.json`` describes.

    Raises:
        InputError: It holds something else.
    """
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return False
    try:
        found = json.loads((folder / "corpus.json").read_text("utf-8"))
    except (OSError, ValueError):
        found = None
    if found != info:
        raise InputError(f"{folder}: a simulated corpus is never written over something else")
    return True


def shuffled_names(partitions: Sequence[str], rng: Generator) -> Iterator[tuple[str, int]]:
    """Yield file names, and which clip each is called: its number says nothing but its partition.

    Args:
        partitions: Of each clip.
        rng: Shuffles the clips of each partition.
    """
    for partition in PARTITIONS:
        here = [i for i, name in enumerate(partitions) if name == partition]
        for n, k in enumerate(rng.permutation(len(here)), start=1):
            yield f"{partition}_{n:05d}.wav", here[k]


def write_labels(
    folder: Path, clips: Sequence[tuple[str, str, str | None]], info: Mapping[str, Any]
) -> None:
    """Write ``lab/`` and ``corpus.json``; test labels are blind, and in ``lab/test_labels.csv``.

    Args:
        folder: The corpus.
        clips: File name, with the partition in front, label and speaker, where known.
        info: For ``corpus.json``.
    """
    (folder / "lab").mkdir()
    tests = {name for name, _, _ in clips if name.startswith("test_")}
    for file, column, rows in (
        ("labels", "label", [(name, BLIND if name in tests else text) for name, text, _ in clips]),
        ("test_labels", "label", [(name, text) for name, text, _ in clips if name in tests]),
        ("speakers", "speaker", [(name, who) for name, _, who in clips if who is not None]),
    ):
        if rows:
            text = csv_text([("file_name", column), *rows])
            (folder / f"lab/{file}.csv").write_text(text, "utf-8")
    (folder / "corpus.json").write_text(json.dumps(info, indent=2) + "\n", "utf-8")

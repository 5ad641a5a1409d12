"""Other people's systems in a study: `results/<study>/imports/<name>/`.

    import.json   {format, name, trained_on, hard, n_ignored, matched_by, uar, source, imported,
                   partitions}
    devel.npy     (1, clips, classes) float16, as a trial of one epoch
    test.npy      (clips, classes) float32, where the system predicted test

Reading the records needs the standard library alone, so that `spectune status` answers at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from search_spaces.grammar.errors import InputError
from study.files import read_object


@dataclass(frozen=True)
class ImportedRecord:
    """A system that was imported.

    Args:
        name: What it is called.
        folder: Where its arrays lie.
        trained_on: Partitions it was fitted on, as the person said.
        uar: Devel UAR, in [0, 1].
        hard: Whether it gave classes alone, no probabilities.
        partitions: Digest and size of what it predicted, by partition.
        n_ignored: Rows of its file that belong to no clip of devel or test.
        matched_by: How the names in its file were compared with those of the clips.
    """

    name: str
    folder: Path
    trained_on: tuple[str, ...]
    uar: float
    hard: bool
    partitions: Mapping[str, Mapping[str, Any]]
    n_ignored: int = 0
    matched_by: str = "file name"


def read_imports(folder: Path) -> tuple[ImportedRecord, ...]:
    """Return the imported systems of a study by name; none where there is no such folder.

    Raises:
        InputError: If a record is damaged.
    """
    return tuple(_record(path) for path in sorted(folder.glob("*/import.json")))


def _record(path: Path) -> ImportedRecord:
    try:
        plain = read_object(path)
        return ImportedRecord(
            str(plain["name"]),
            path.parent,
            tuple(map(str, plain["trained_on"])),
            float(plain["uar"]),
            bool(plain["hard"]),
            dict(plain["partitions"]),
            int(plain.get("n_ignored", 0)),
            str(plain.get("matched_by", "file name")),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: is no record of an imported system ({error!r})") from error

"""What the systems reached on test labels that arrived later (`spectune score`)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from reports.page.section import Section
from reports.page.table import Table, table_of
from reports.page.text import between, percent
from reports.systems.confusion import Confusion, confusion_panels
from search_spaces.grammar.errors import InputError
from study.files import read_json
from study.results import StudyResults


class Score(NamedTuple):
    """What a system reached on the test clips."""

    name: str
    trained_on: str
    uar: float
    low: float | None  # of the 95 % interval
    high: float | None
    note: str


class Scores(NamedTuple):
    """A row per system, and the confusion matrices of the fusions."""

    file: str
    n: int
    rows: tuple[Score, ...]
    confusions: tuple[Confusion, ...]


def scores_sections(results: StudyResults) -> list[Section]:
    """The section of test labels, only where they have arrived."""
    numbers = scores(results)
    if numbers is None:
        return []
    sentence = (
        f"UAR on the {numbers.n:,} test clips, whose labels came from {numbers.file} after "
        "everything was trained and chosen."
    )
    return [
        Section(
            "test",
            "Test",
            sentence,
            confusion_panels("test", numbers.confusions),
            scores_table(numbers),
        )
    ]


def scores(results: StudyResults) -> Scores | None:
    """Read `scores.json`; None where no labels have arrived.

    Raises:
        InputError: If the file is damaged.
    """
    path = results.folder / "scores.json"
    if not path.is_file():
        return None
    try:
        plain = read_json(path)
        systems = plain["systems"]
        rows = tuple(
            Score(
                str(one["name"]),
                str(one["protocol"]),
                float(one["uar"]),
                _bound(one["ci_low"]),
                _bound(one["ci_high"]),
                str(one.get("note") or ""),
            )
            for one in systems
        )
        matrices = tuple(_confusion(s) for s in systems if s["name"] == "fusion")
        return Scores(str(plain["labels"]["file"]), int(plain["n"]), rows, matrices)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from error


def scores_table(numbers: Scores) -> Table | None:
    """UAR with its interval for every system."""
    rows = [
        {
            "system": row.name,
            "trained on": row.trained_on,
            "test UAR": percent(row.uar),
            "95 % interval": between(row.low, row.high),
            "note": row.note,
        }
        for row in numbers.rows
    ]
    return table_of(rows, words=("system", "trained on", "note"))


def _bound(value: Any) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)


def _confusion(system: Mapping[str, Any]) -> Confusion:
    counts = tuple(tuple(int(n) for n in row) for row in system["confusion_matrix"])
    title = f"Fusion, trained on {system['protocol']}"
    return Confusion(title, tuple(map(str, system["labels"])), counts, float(system["uar"]))

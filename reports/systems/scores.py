"""What the systems reached on test labels that arrived later (`spectune score`)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from reports.page.section import Panel, Section
from reports.page.table import Table
from reports.page.text import percent
from reports.systems.confusion import Confusion, confusion_figure
from search_spaces.grammar.errors import InputError
from study.files import read_json
from study.results import StudyResults

__all__ = ["Scores", "scores", "scores_sections", "scores_table"]


class Scores(NamedTuple):
    """A row per system, and the confusion matrices of the fusions."""

    file: str
    n: int
    rows: tuple[tuple[str, str, float, float | None, float | None, str], ...]
    confusions: tuple[Confusion, ...]


def scores_sections(results: StudyResults) -> list[Section]:
    """The section of test labels, only where they have arrived."""
    numbers = scores(results)
    if numbers is None:
        return []
    panels = [
        Panel(
            f"test-{place}", confusion_figure(matrix), f"{matrix.title}: {100 * matrix.uar:.1f} %"
        )
        for place, matrix in enumerate(numbers.confusions, start=1)
    ]
    sentence = (
        f"UAR on the {numbers.n:,} test clips, whose labels came from {numbers.file} after "
        "everything was trained and chosen."
    )
    return [Section("test", "Test", sentence, tuple(panels), scores_table(numbers))]


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
            (
                str(s["name"]),
                str(s["protocol"]),
                float(s["uar"]),
                _bound(s["ci_low"]),
                _bound(s["ci_high"]),
                str(s.get("note") or ""),
            )
            for s in systems
        )
        matrices = tuple(_confusion(s) for s in systems if s["name"] == "fusion")
        return Scores(str(plain["labels"]["file"]), int(plain["n"]), rows, matrices)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from error


def scores_table(numbers: Scores) -> Table:
    """UAR with its interval for every system."""
    rows = tuple(
        (
            name,
            protocol,
            percent(uar),
            "-" if low is None or high is None else f"{percent(low)} to {percent(high)}",
            note,
        )
        for name, protocol, uar, low, high, note in numbers.rows
    )
    columns = ("system", "trained on", "test UAR", "95 % interval", "note")
    return Table(columns, rows, (False, False, True, True, False))


def _bound(value: Any) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)


def _confusion(system: Mapping[str, Any]) -> Confusion:
    counts = tuple(tuple(int(n) for n in row) for row in system["confusion_matrix"])
    title = f"Fusion, trained on {system['protocol']}"
    return Confusion(title, tuple(map(str, system["labels"])), counts, float(system["uar"]))

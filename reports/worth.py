"""What the fusion is worth on new speakers: the sentences, and the table of methods."""

from __future__ import annotations

from typing import NamedTuple

from reports.leaderboard import Table
from reports.text import cell, percent, points
from study.results import StudyResults

__all__ = ["Worth", "methods_table", "worth"]


class Worth(NamedTuple):
    """What is said, in the order in which it is told, and the compared methods, if any."""

    sentences: tuple[str, ...]
    methods: Table | None


def worth(results: StudyResults) -> Worth | None:
    """The honest value and what stands beside it; None without a fusion that has one."""
    ensemble = results.ensemble
    if ensemble is None or not ensemble.honest.get("sentence"):
        return None
    sentences = (str(ensemble.honest["sentence"]), *ensemble.sentences)
    return Worth(sentences, methods_table(results))


def methods_table(results: StudyResults) -> Table | None:
    """The methods of `spectune ensemble --compare`, best first; None where not compared."""
    if results.ensemble is None or not results.ensemble.methods:
        return None
    rows = tuple(
        (
            str(row["method"]) + ("" if row["may_be_chosen"] else " (for comparison)"),
            percent(row["uar"]),
            "-" if row["low"] is None else f"{percent(row['low'])} to {percent(row['high'])}",
            percent(row["apparent"]),
            points(row["gain"]),
            "-" if row["gain_se"] is None else f"{100 * row['gain_se']:.1f}",
            str(row["members"]),
            cell(row["megabytes"]),
            cell(row["milliseconds"]),
        )
        for row in results.ensemble.methods
    )
    columns = (
        "method", "honest UAR", "95 % interval", "apparent", "gain", "SE", "members", "MB", "ms",
    )  # fmt: skip
    return Table(columns, rows, (False, *[True] * (len(columns) - 1)))

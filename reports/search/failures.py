"""What failed, and why."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from reports.page.section import Section
from reports.page.table import Table
from study.results import StudyResults

__all__ = ["failures_section", "failures_table"]

MOST_NAMED = 20  # trials of a reason


def failures_section(results: StudyResults) -> Section:
    """The section of what went wrong."""
    table = failures_table(results)
    return Section(
        "failures",
        "Failures",
        "Trials that failed, were tried again or stopped for a reason of their own.",
        table=table,
        note="" if table else "None.",
    )


def failures_table(results: StudyResults) -> Table | None:
    """Reasons with the trials they hit, the commonest first; None when nothing went wrong.

    A trial that was tried again, or pruned for a reason of its own, is told too.
    """
    hit: dict[tuple[str, str], list[int]] = defaultdict(list)
    for trial in results.trials:
        if trial.state == "failed":
            hit["failed", trial.reason or "no reason was recorded"].append(trial.number)
        elif trial.state == "pruned" and trial.reason:
            hit["pruned", trial.reason].append(trial.number)
        for event in trial.events:
            if event["event"] == "retry":
                hit["tried again", _reason(event.get("reason"))].append(trial.number)
    order = sorted(hit.items(), key=lambda item: (item[0][0] != "failed", -len(item[1]), item[0]))
    rows = tuple(
        (what, str(len(trials)), ", ".join(map(str, trials[:MOST_NAMED])), reason)
        for (what, reason), trials in order
    )
    if not rows:
        return None
    return Table(("what", "trials", "numbers", "reason"), rows, (False, True, False, False))


def _reason(reason: Any) -> str:
    return str(reason) if reason else "no reason was recorded"

"""What failed, and why."""

from __future__ import annotations

from collections import defaultdict

from reports.page.section import Section
from reports.page.table import Table, table_of
from study.results import StudyResults

MOST_NAMED = 20  # trials of a reason
NO_REASON = "no reason was recorded"


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

    A trial that was tried again, or pruned for a reason of its own, has its row too.
    """
    hit: dict[tuple[str, str], list[int]] = defaultdict(list)
    for trial in results.trials:
        if trial.state == "failed" or (trial.state == "pruned" and trial.reason):
            hit[trial.state, trial.reason or NO_REASON].append(trial.number)
        for event in trial.events:
            if event["event"] == "retry":
                hit["tried again", str(event.get("reason") or NO_REASON)].append(trial.number)
    order = sorted(hit.items(), key=lambda item: (item[0][0] != "failed", -len(item[1]), item[0]))
    rows = [
        {
            "what": what,
            "trials": str(len(trials)),
            "numbers": ", ".join(map(str, trials[:MOST_NAMED])),
            "reason": reason,
        }
        for (what, reason), trials in order
    ]
    return table_of(rows, words=("what", "numbers", "reason"))

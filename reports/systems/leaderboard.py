"""The leaderboard: the best trials and imported systems, with the choices that varied."""

from __future__ import annotations

from reports.page.section import Section
from reports.page.table import Table
from reports.page.text import cell, duration, percent
from reports.search.dimensions import DIMENSIONS, used_params, varied
from study.results import StudyResults
from study.results.leaderboard import leaderboard

__all__ = ["leaderboard_section", "leaderboard_table"]

MOST_ROWS = 20
_CHOICES = (*DIMENSIONS, "optimizer", "pretrained")


def leaderboard_section(results: StudyResults) -> Section:
    """The section of the best trials."""
    table = leaderboard_table(results)
    return Section(
        "leaderboard",
        "Leaderboard",
        "The best trials by the devel UAR of their best epoch; pruned trials count with what they "
        "had reached.",
        table=table,
        note="" if table else "No trial has ended with a UAR.",
    )


def leaderboard_table(results: StudyResults, *, most: int = MOST_ROWS) -> Table | None:
    """The best trials with the choices that varied; None when no trial has a UAR."""
    ranked = [row for row in leaderboard(results) if row["rank"] is not None]
    if not ranked:
        return None
    choices = [p.name for p in varied(results.ranked) if p.name in _CHOICES]
    members = {m.trial: m.weight for m in results.ensemble.members} if results.ensemble else {}
    columns = ("rank", "trial", "name", "UAR", "best epoch", "state", "time")
    extra = ("in fusion",) if members else ()
    rows = []
    for row in ranked[:most]:
        fixed = (
            str(row["rank"]),
            str(row["trial"]),
            str(row["name"]),
            percent(row["uar"]),
            cell(row["best_epoch"]),
            str(row["state"]),
            duration(row["seconds"]),
        )
        weight = (cell(members.get(row["trial"])),) if members else ()
        params = used_params(results.trial(row["trial"]))
        rows.append((*fixed, *weight, *(cell(params.get(name)) for name in choices)))
    weights = {m.name: m.weight for m in results.ensemble.imported} if results.ensemble else {}
    for one in results.imports:
        fixed = ("-", "imported", one.name, percent(one.uar), "-", "imported", "-")
        weight = (cell(weights.get(one.name)),) if members else ()
        rows.append((*fixed, *weight, *("-" for _ in choices)))
    numeric = (True, True, False, True, True, False, True, *[True] * len(extra))
    return Table((*columns, *extra, *choices), tuple(rows), (*numeric, *[False] * len(choices)))

"""The leaderboard: the best trials and imported systems, with the choices that varied."""

from __future__ import annotations

from reports.page.section import Section
from reports.page.table import Table, table_of
from reports.page.text import cell, duration, percent
from reports.search.dimensions import DIMENSIONS, used_params, varied
from study.results import StudyResults
from study.results.leaderboard import TOGETHER, leaderboard
from study.results.status import TOGETHER_NOTE
from study.text import NOTHING

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
        note="No trial has ended with a UAR."
        if table is None
        else f"{TOGETHER_NOTE[0].upper()}{TOGETHER_NOTE[1:]}."
        if any(len(results.system_of(trial).trials) > 1 for trial in results.ranked)
        else "",
    )


def leaderboard_table(results: StudyResults, *, most: int = MOST_ROWS) -> Table | None:
    """The best trials with the choices that varied; None when no trial has a UAR."""
    ranked = [row for row in leaderboard(results) if row["rank"] is not None]
    if not ranked:
        return None
    choices = [p.name for p in varied(results.ranked) if p.name in _CHOICES]
    members = {m.trial: m.weight for m in results.ensemble.members} if results.ensemble else {}
    repeated = any(TOGETHER in row for row in ranked)
    rows = []
    for row in ranked[:most]:
        params = used_params(results.trial(row["trial"]))
        rows.append(
            {
                "rank": str(row["rank"]),
                "trial": str(row["trial"]),
                "name": str(row["name"]),
                "UAR": percent(row["uar"]),
                **({TOGETHER: percent(row.get(TOGETHER, row["uar"]))} if repeated else {}),
                "best epoch": cell(row["best_epoch"]),
                "state": str(row["state"]),
                "time": duration(row["seconds"]),
                **({"in fusion": cell(members.get(row["trial"]))} if members else {}),
                **{name: cell(params.get(name)) for name in choices},
            }
        )
    weights = {m.name: m.weight for m in results.ensemble.imported} if results.ensemble else {}
    for one in results.imports:
        known = {"trial": "imported", "name": one.name, "UAR": percent(one.uar)}
        known |= {"state": "imported", "in fusion": cell(weights.get(one.name))}
        rows.append({**dict.fromkeys(rows[0], NOTHING), **known})
    return table_of(rows, words=("name", "state", *choices))

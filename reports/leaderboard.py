"""Tables: the leaderboard, the fusion's members, what failed and why."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from reports.dimensions import DIMENSIONS, used_params, varied
from reports.fusion import Fusion, Part, Step
from reports.table import Table
from reports.text import cell, duration, percent, points
from study.leaderboard import leaderboard
from study.results import StudyResults

__all__ = ["failures_table", "leaderboard_table", "members_table"]

MOST_ROWS = 20
_CHOICES = (*DIMENSIONS, "optimizer", "pretrained")


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


def members_table(numbers: Fusion | None) -> Table | None:
    """The members in the order in which they first entered, and what each added then.

    Beside it stands, where it is known, what leaving the member out changes. A fusion that was not
    built step by step (stacking, a vote, CMA-ES) has its members alone.
    """
    if numbers is None or not (numbers.steps or numbers.parts):
        return None
    if not numbers.steps:
        parts = tuple(
            (_trial(part.trial), part.name, cell(part.weight), percent(part.alone), *_without(part))
            for part in numbers.parts
        )
        return _members(("trial", "name", "weight", "alone"), parts)
    entries: dict[tuple[int | None, str], Step] = {}
    for step in numbers.steps:
        if step.weight is not None:
            entries.setdefault((step.trial, step.name), step)
    rows = tuple(
        (
            str(step.n),
            _trial(step.trial),
            step.name,
            cell(step.weight),
            percent(step.alone),
            percent(step.uar),
            "-" if step.gain is None else points(step.gain),
            *_without(step),
        )
        for step in entries.values()
    )
    return _members(("enters", "trial", "name", "weight", "alone", "UAR then", "added then"), rows)


def _members(columns: tuple[str, ...], rows: tuple[tuple[str, ...], ...]) -> Table:
    """The table of members; its rows have one value more where leaving out is known."""
    if any(len(row) > len(columns) for row in rows):
        columns = (*columns, "without it")
    return Table(columns, rows, tuple(column != "name" for column in columns))


def _without(member: Step | Part) -> tuple[str, ...]:
    return () if member.without is None else (points(member.without),)


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
        (what, str(len(trials)), ", ".join(map(str, trials[:MOST_ROWS])), reason)
        for (what, reason), trials in order
    )
    if not rows:
        return None
    return Table(("what", "trials", "numbers", "reason"), rows, (False, True, False, False))


def _trial(number: int | None) -> str:
    return "imported" if number is None else str(number)


def _reason(reason: Any) -> str:
    return str(reason) if reason else "no reason was recorded"

"""The leaderboard of a study, as rows and as CSV."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from study.files import csv_text, replace_text
from study.files.csv_files import spreadsheet_safe
from study.results.study_results import StudyResults
from study.results.trial_states import is_running, shown_state

FIXED = ("rank", "trial", "name", "uar", "best_epoch", "state", "seconds")  # columns of any study
TOGETHER = "together"


def leaderboard(results: StudyResults) -> list[dict[str, Any]]:
    """One row per trial: the ranked ones first, then running, then failed ones, then imports.

    A trial without an end is `interrupted` unless the study is running.

    Keys: rank (None where a trial has none), trial (None for an imported system), name, uar,
    best_epoch, state, seconds, and the trial's own parameters under their names. Where specs were
    trained again, `together` is the UAR of all trainings of a trial's spec, by which it is ranked.
    """
    running = is_running(results.folder)
    ranked = results.ranked
    others = [t for state in ("running", "failed") for t in results.trials if t.state == state]
    others += [t for t in results.trials if t.state in ("complete", "pruned") and not t.ranked]
    rows = []
    for position, trial in enumerate([*ranked, *others], start=1):
        fixed = {
            "rank": position if position <= len(ranked) else None,
            "trial": trial.number,
            "name": trial.name,
            "uar": trial.uar,
            "best_epoch": trial.best_epoch,
            "state": shown_state(trial.state, running=running),
            "seconds": trial.seconds,
        }
        system = results.system_of(trial)
        if len(system.trials) > 1:
            fixed[TOGETHER] = system.uar
        rows.append({**fixed, **{k: v for k, v in trial.params.items() if k not in fixed}})
    nothing = dict.fromkeys(("rank", "trial", "best_epoch", "seconds"))
    rows += [
        {**nothing, "name": system.name, "uar": system.uar, "state": "imported"}
        for system in results.imports
    ]
    return rows


def write_leaderboard(results: StudyResults, path: Path | str) -> Path:
    """Write the leaderboard as CSV, atomically.

    A text cell that a spreadsheet would take for a formula is written with an apostrophe before
    it. UAR stays in [0, 1].
    """
    rows = leaderboard(results)
    columns = [*FIXED, *sorted({key for row in rows for key in row} - set(FIXED))]
    cells = [[_cell(row.get(column)) for column in columns] for row in rows]
    return replace_text(path, csv_text([map(_cell, columns), *cells]))


def _cell(value: Any) -> Any:
    if value is None or isinstance(value, (bool, int, float)):
        return value
    text = value if isinstance(value, str) else json.dumps(value)
    return spreadsheet_safe(text)

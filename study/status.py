"""`spectune status` and `leaderboard`: a study as text, read from its folder."""

from __future__ import annotations

import fcntl
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from study.results import StudyResults, read_results
from study.text import NOTHING, percent

__all__ = ["leaderboard_lines", "status_lines", "status_of"]


def status_of(folder: Path) -> dict[str, Any]:
    """Return where a study stands, as plain JSON values."""
    results = read_results(folder)
    best, fusion = results.best, results.ensemble
    return {
        "name": results.name,
        "folder": str(folder),
        "coordinator": coordinator_runs(folder),
        "trials": results.count(),
        "elapsed_s": results.state.get("elapsed_s"),
        "best": None if best is None else _named(best.number, best.name, best.uar),
        "fusion": None
        if fusion is None
        else {
            "uar": fusion.uar,
            "members": fusion.n_members,
            "apparent": fusion.apparent,
            "honest": fusion.honest.get("sentence"),
        },
        "imported": [
            {"name": one.name, "uar": one.uar, "trained_on": list(one.trained_on)}
            for one in results.imports
        ],
        "running": [
            _named(t.number, t.name, t.uar)
            | {"epoch": len(t.uar_per_epoch), "epochs": t.epochs, "slot": t.slot}
            for t in results.trials
            if not t.finished
        ],
        "failures": _failures(results),
    }


def coordinator_runs(folder: Path) -> bool:
    """Return whether a coordinator holds the study's lock."""
    try:
        with (folder / ".lock").open("r") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False


def status_lines(found: Mapping[str, Any]) -> list[str]:
    """Return a status as lines for a terminal."""
    counts = ", ".join(f"{n} {state}" for state, n in found["trials"].items() if n)
    how = "is running" if found["coordinator"] else "is not running"
    lines = [f"study {found['name']} {how}: {counts or 'no trials yet'}"]
    if best := found["best"]:
        lines.append(f"best: {percent(best['uar'])}  {best['trial']:03d} {best['name']}")
    if fusion := found["fusion"]:
        members = f"fusion of {fusion['members']}"
        lines.append(f"{members}: {percent(fusion['uar'])} (apparent: chosen on devel)")
        lines += [fusion["honest"]] if fusion["honest"] else []
    lines += [
        f"imported: {percent(one['uar'])}  {one['name']} (trained on {'+'.join(one['trained_on'])})"
        for one in found["imported"]
    ]
    for trial in found["running"]:
        of = f"epoch {trial['epoch']}/{trial['epochs'] or '?'}"
        uar = percent(trial["uar"])
        lines.append(f"slot {trial['slot']}: {trial['trial']:03d} {trial['name']}, {of}, {uar}")
    lines += [f"failed: {n} x {reason}" for reason, n in found["failures"].items()]
    return lines


def leaderboard_lines(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the leaderboard as lines for a terminal."""
    if not rows:
        return ["no trial has ended with a result yet"]
    width = max(len(str(row["name"])) for row in rows)
    lines = [f"rank  trial  {'system':{width}}  devel UAR  epoch  state"]
    lines += [
        f"{_cell(row['rank']):>4}  {_number(row['trial']):>5}  {row['name']:{width}}"
        f"  {percent(row['uar']):>9}  {_cell(row['best_epoch']):>5}  {row['state']}"
        for row in rows
    ]
    return lines


def _cell(value: int | None) -> str:
    return NOTHING if value is None else str(value)


def _number(trial: int | None) -> str:
    return NOTHING if trial is None else f"{trial:05d}"


def _named(number: int, name: str, uar: float | None) -> dict[str, Any]:
    return {"trial": number, "name": name, "uar": uar}


def _failures(results: StudyResults) -> dict[str, int]:
    reasons: dict[str, int] = {}
    for trial in results.trials:
        if trial.state == "failed":
            reasons[trial.reason or "unknown"] = reasons.get(trial.reason or "unknown", 0) + 1
    return reasons

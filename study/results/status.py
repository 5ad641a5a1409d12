"""`spectune status` and `leaderboard`: a study as text, read from its folder."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from study.files import is_count, mapping, number
from study.results.leaderboard import TOGETHER
from study.results.lock import RUN, holder
from study.results.study_results import StudyResults, read_results
from study.results.throughput import is_network, pace_words, seconds_left, trials_per_hour
from study.results.trial_record import TrialRecord
from study.results.trial_result import ENDS
from study.results.trial_states import count_words, shown_counts
from study.text import NOTHING, aligned, percent

TOGETHER_NOTE = (
    "together: all trainings of a spec, their probabilities averaged; specs are ranked by it, and "
    "rank 1 is the best single trial"
)


def status_of(folder: Path, results: StudyResults | None = None) -> dict[str, Any]:
    """Return where a study stands, as plain JSON values.

    Args:
        folder: Its results folder.
        results: What was read of it already.
    """
    results, held_for = results or read_results(folder), holder(folder)
    best, fusion = results.best, results.ensemble
    return {
        "name": results.name,
        "folder": str(folder),
        "coordinator": held_for == RUN,
        "held_for": held_for,
        "trials": shown_counts(results.count(), running=held_for == RUN),
        **_pace(results, running=held_for == RUN),
        "elapsed_s": results.state.get("elapsed_s"),
        "best": None if best is None else _best(results, best),
        "fusion": None
        if fusion is None
        else {
            "uar": fusion.uar,
            "members": fusion.n_members,
            "apparent": fusion.apparent,
            "honest": fusion.honest.get("sentence"),
        },
        "imported": [
            {"name": system.name, "uar": system.uar, "trained_on": list(system.trained_on)}
            for system in results.imports
        ],
        "running": [
            _named(t.number, t.name, t.uar)
            | {"epoch": len(t.uar_per_epoch), "epochs": _planned(t), "slot": t.slot}
            for t in results.trials
            if not t.finished and held_for == RUN
        ],
        "failures": _failures(results),
    }


def status_lines(status: Mapping[str, Any]) -> list[str]:
    """Return a status as lines for a terminal."""
    counts = count_words(status["trials"])
    if counts and status["total"] is not None:
        done = sum(n for state, n in status["trials"].items() if state in ENDS)
        counts.insert(0, f"{done}/{status['total']} trials")
    words = counts + pace_words(status["trials_per_hour"], status["left_s"])
    how = {None: "is not running", RUN: "is running"}.get(
        status["held_for"], f"is not running, but `spectune {status['held_for']}` is at work on it"
    )
    lines = [f"study {status['name']} {how}: {', '.join(words) or 'no trials yet'}"]
    if best := status["best"]:
        trainings = f" ({best['trainings']} trainings)" if "trainings" in best else ""
        lines.append(f"best: {percent(best['uar'])}  {best['trial']:03d} {best['name']}{trainings}")
    if fusion := status["fusion"]:
        members = f"fusion of {fusion['members']}"
        lines.append(f"{members}: {percent(fusion['uar'])} (apparent: chosen on devel)")
        lines += [fusion["honest"]] if fusion["honest"] else []
    for system in status["imported"]:
        trained_on = "+".join(system["trained_on"])
        uar, name = percent(system["uar"]), system["name"]
        lines.append(f"imported: {uar}  {name} (trained on {trained_on})")
    for trial in status["running"]:
        of = f", epoch {trial['epoch']}/{trial['epochs']}" if trial["epochs"] else ""
        uar = percent(trial["uar"])
        lines.append(f"slot {trial['slot']}: {trial['trial']:03d} {trial['name']}{of}, {uar}")
    lines += [f"failed: {n} x {reason}" for reason, n in status["failures"].items()]
    return lines


def leaderboard_lines(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the leaderboard as lines for a terminal."""
    if not rows:
        return ["no trial has ended with a result yet"]
    repeated = any(TOGETHER in row for row in rows)
    together = [(percent(row.get(TOGETHER, row["uar"])),) if repeated else () for row in rows]
    cells = [
        (
            _cell(row["rank"]),
            _number(row["trial"]),
            str(row["name"]),
            percent(row["uar"]),
            *own,
            _cell(row["best_epoch"]),
            row["state"],
        )
        for row, own in zip(rows, together, strict=True)
    ]
    more = (TOGETHER,) if repeated else ()
    head = ("rank", "trial", "system", "devel UAR", *more, "epoch", "state")
    lines = aligned([head, *cells], left=(2, 5 + len(more)))
    return [*lines, TOGETHER_NOTE] if repeated else lines


def _cell(value: int | None) -> str:
    return NOTHING if value is None else str(value)


def _number(trial: int | None) -> str:
    return NOTHING if trial is None else f"{trial:05d}"


def _pace(results: StudyResults, *, running: bool) -> dict[str, Any]:
    """Return the trials there will be; while the study runs also its rate and the time left."""
    session = mapping(results.state.get("session"))
    total = session.get("trials") if is_count(session.get("trials")) else None
    started, rate, left = number(session.get("started")), None, None
    if running and started is not None:
        seconds = time.time() - started
        done = sum(_done(trial) for trial in results.trials)
        rate = trials_per_hour(sum(_trained(t, started) for t in results.trials), seconds)
        left = seconds_left(
            done=done,
            total=total,
            rate=rate,
            hours=number(session.get("hours")),
            elapsed=(number(session.get("elapsed_before")) or 0.0) + seconds,
        )
    return {"total": total, "trials_per_hour": rate, "left_s": left}


def _planned(trial: TrialRecord) -> int | None:
    """The epochs of a trial; None for what has none."""
    if not is_network(trial.params.get("backbone")):
        return None
    epochs = mapping(trial.spec.get("recipe")).get("epochs")
    return trial.epochs or (epochs if is_count(epochs) else None)


def _done(trial: TrialRecord) -> float:
    """How much of a trial is done, from 0 to 1."""
    planned = _planned(trial)
    return 1.0 if trial.finished else len(trial.uar_per_epoch) / planned if planned else 0.0


def _trained(trial: TrialRecord, since: float) -> float:
    """How much of a network was trained since a moment, from 0 to 1; 0 for a linear machine."""
    if not is_network(trial.params.get("backbone")):
        return 0.0
    if trial.finished:
        return float((trial.ended or 0.0) >= since)
    epochs = {
        event["epoch"]
        for event in trial.events
        if event["event"] == "epoch" and (number(event.get("time")) or 0.0) >= since
    }
    planned = _planned(trial)
    return len(epochs) / planned if planned else 0.0


def _best(results: StudyResults, best: TrialRecord) -> dict[str, Any]:
    """The best single system: a trial, or all trainings of its spec together."""
    system = results.system_of(best)
    n, named = len(system.trials), _named(best.number, best.name, system.uar)
    return named | ({"trainings": n} if n > 1 else {})


def _named(trial: int, name: str, uar: float | None) -> dict[str, Any]:
    return {"trial": trial, "name": name, "uar": uar}


def _failures(results: StudyResults) -> dict[str, int]:
    failed = [trial for trial in results.trials if trial.state == "failed"]
    return dict(Counter(trial.reason or "unknown" for trial in failed))

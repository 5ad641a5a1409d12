"""The study's own run in MLflow: opened at every session, described when it has something new.

Trials, fusions, refits and scorings are its child runs. The run is noted in `state.json` as soon as
the store has answered, so that the next session and every other command go on in the same one.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from study.files import mapping, write_json
from study.planning.plan import Plan
from study.planning.pretrained import Weights
from study.results import StudyResults
from study.results.trial_folder import trial_folders
from study.text import percent
from study.tracking.run_client import ParentRun
from study.tracking.store import TrackingStore, sqlite_uri
from study.tracking.store_checks import (
    LeftOutError,
    shares_runs,
    store_to_add_to,
    tracking_store,
)
from study.tracking.tracker import NullTracker, Tracker
from study.tracking.trial_run import tracked_trial
from study.tracking.values import escape_markdown

_log = logging.getLogger(__name__)
MOST_ROWS = 20  # of the leaderboard in a description


def open_tracker(plan: Plan, *, adding: bool = False) -> Tracker:
    """Open the run of a study that is being worked on, and reconcile it with the trial folders.

    Args:
        plan: The study; the caller holds its lock. Its `state.json` is written.
        adding: Whether the run only gets something added, and keeps its status and its end.

    Raises:
        InputError: If the store can never be used; one that is away just now is not waited for.
    """
    if not plan.config.tracking:
        return NullTracker()
    _show_warnings()
    try:
        store = tracking_store(plan.state, plan.project)
    except LeftOutError as error:
        _log.warning("%s", error)
        return NullTracker()
    parent = _parent_run(plan, store, adding=adding)
    tracker = Tracker.open(store, parent)
    note_run(plan, tracker)
    if plan.weights:
        tracker.log_weights(plan.state["weights"])
    folders = trial_folders(plan.trials)
    if folders:
        tracker.reconcile(tracked_trial(plan, folder) for folder in folders)
    return tracker


def continue_tracker(results: StudyResults, project: Path | None) -> Tracker:
    """Open the run of a study from its `state.json` alone, to add something to it.

    Args:
        results: The study; the caller holds its lock.
        project: Of `study.locate.project_folder`.

    Raises:
        InputError: As :func:`open_tracker`.
    """
    state, noted = results.state, results.state.get("mlflow")
    if not isinstance(noted, dict):
        return NullTracker()
    _show_warnings()
    try:
        store = store_to_add_to(results, project)
    except LeftOutError as error:
        _log.warning("%s", error)
        return NullTracker()
    parent = ParentRun(
        experiment=str(noted.get("experiment") or results.name),
        study_id=str(state.get("id")),
        run_name=f"study {results.name}",
        run_id=noted.get("run_id"),
        adding=True,
    )
    return Tracker.open(store, parent)


def note_run(plan: Plan, tracker: Tracker) -> None:
    """Note the study's run in `state.json`, once the store has answered.

    No password is noted. A store in the project is noted relative to it.
    """
    if (store := tracker.store) is None:
        return
    if tracker.run_id is not None or plan.state.get("mlflow") is None:
        file = store.file
        inside = file is not None and file.is_relative_to(plan.project)
        plan.state["mlflow"] = {
            "tracking_uri": sqlite_uri(file, plan.project) if file and inside else store.label,
            "experiment": plan.config.experiment or plan.config.name,
            "artifact_root": None if inside else store.artifact_root,
            "experiment_id": tracker.experiment_id,
            "run_id": tracker.run_id,
        }
    write_json(plan.folder / "state.json", plan.state)


def describe_study(tracker: Tracker, results: StudyResults, sentences: Sequence[str]) -> None:
    """Make fusion and leaderboard the run's description, and the report an artifact linked in it.

    Args:
        tracker: The study's run.
        results: The study; its report is taken as it lies there.
        sentences: What is said of its fusion; none where there was nothing to select from.
    """
    lines = [f"**{escape_markdown(results.name)}**: {len(results.ranked)} ranked trials", ""]
    lines += [line for text in sentences for line in (escape_markdown(text), "")]
    lines += ["| trial | system | devel UAR |", "|---|---|---|"]
    for trial in results.ranked[:MOST_ROWS]:
        system, name = results.system_of(trial), escape_markdown(trial.name)
        if (n := len(system.trials)) > 1:
            name += f" ({percent(trial.uar)} alone; {n} trainings together)"
        lines.append(f"| {trial.number:03d} | {name} | {percent(system.uar)} |")
    report = results.folder / "report.html"
    tracker.describe("\n".join(lines), report=report if report.is_file() else None)


def _parent_run(plan: Plan, store: TrackingStore, *, adding: bool) -> ParentRun:
    """Return what MLflow is to hold of the study itself: configuration, source and corpus."""
    config, corpus = plan.config, plan.cached.corpus
    copied = mapping(plan.state.get("copy_of"))
    own = bool(copied) and not shares_runs(store, str(copied.get("place")))
    return ParentRun(
        experiment=config.experiment or config.name,
        study_id=plan.state["id"],
        former_id=copied.get("id") if own else None,
        run_name=f"study {config.name}",
        run_id=(plan.state.get("mlflow") or {}).get("run_id"),
        params={
            "study": config.model_dump(mode="json", by_alias=True, exclude={"space"}),
            **{f"pretrained.{key}": _told(weights) for key, weights in plan.weights.items()},
        },
        tags={
            "mlflow.source.git.commit": plan.state["revision"],
            "spectune.version": version("spectune"),
            "spectune.space_digest": plan.space.digest,
            "spectune.simulated": str(corpus.simulated).lower(),
        },
        dataset={
            "digest": plan.cached.digest[:32],
            "name": corpus.name,
            "source": str(corpus.root),
            "profile": {name: len(part) for name, part in plan.task.partitions.items()},
        },
        adding=adding,
    )


def _told(weights: Weights) -> dict[str, str]:
    """Return what is short of weights; their key map is in the run's `pretrained.json`."""
    short = dataclasses.asdict(weights)
    return {key: value for key, value in short.items() if value and key not in ("path", "key_map")}


def _show_warnings() -> None:
    """Let what the tracker cannot raise be read on the terminal, each message once."""
    if logging.lastResort is not None:  # it writes to whatever is standard error then
        logging.getLogger("study").addHandler(logging.lastResort)

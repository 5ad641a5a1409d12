"""A tracked study's runs in an MLflow store of their own; imported, not collected."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from study.tracking.run_client import ParentRun
from study.tracking.store import TrackingStore
from study.tracking.tracker import TrackedTrial, Tracker

PARENT = ParentRun(
    experiment="digits",
    study_id="id-1",
    run_name="digits",
    params={"budget": {"trials": 30}, "seed": 0},
    tags={"mlflow.source.git.commit": "abc123"},
    dataset={"digest": "d" * 64, "name": "digits", "source": "corpora/digits"},
)

TRIALS = (
    TrackedTrial(
        number=0,
        name="band statistics",
        state="complete",
        params={"kind": "baseline"},
        epochs={1: {"devel/uar": 0.5}},
        metrics={"devel/uar_best": 0.5},
        artifacts={"confusion.csv": "a,b\n"},
        started=1_000.0,
        ended=1_010.0,
        epoch_times={1: 1_009.0},
    ),
    TrackedTrial(
        number=1,
        name="mel-1win resnet18",
        state="pruned",
        params={"scale": "mel"},
        epochs={e: {"devel/uar": 0.1 * e, "train/loss": 1 / e} for e in (1, 2, 3)},
        metrics={"devel/uar_best": 0.3},
    ),
    TrackedTrial(number=2, name="lin", state="failed", tags={"spectune.reason": "NaN loss"}),
    TrackedTrial(number=3, name="lin", state="running", epochs={1: {"devel/uar": 0.4}}),
)


def opened(store: TrackingStore, **changes: Any) -> Tracker:
    """The tracker of the run, perhaps with other fields, once it is there."""
    return Tracker.open(store, replace(PARENT, **changes), wait_s=240.0)


def runs_of(client, tracker, kind="trial"):
    found = client.search_runs([tracker.experiment_id], f"tags.`spectune.kind` = '{kind}'")
    return {run.info.run_name: run for run in found}


def reconciled(store, trials=TRIALS, **changes):
    tracker = opened(store, **changes)
    tracker.reconcile(trials)
    assert tracker.close("finished") is None
    return tracker

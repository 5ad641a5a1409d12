"""Runs that a kill or a lost database took are made again from what the trial folders hold."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from dataclasses import replace
from functools import partial

import pytest

from search_spaces.grammar.errors import InputError
from study.tracking import run_client
from study.tracking import writer_thread as tracking_thread
from study.tracking.queue import Writer
from study.tracking.store import open_client
from study.tracking.tracker import TrackedTrial
from support.tracked_runs import TRIALS, opened, reconciled, runs_of


def content(client, tracker):
    """All that a person sees of the child runs, in an order of its own."""
    shown = []
    for run in client.search_runs([tracker.experiment_id]):
        if run.data.tags["spectune.kind"] == "study":
            continue
        tags = {k: v for k, v in run.data.tags.items() if k != "mlflow.parentRunId"}
        points = {
            key: sorted((m.step, m.value) for m in client.get_metric_history(run.info.run_id, key))
            for key in run.data.metrics
        }
        files = [file.path for file in client.list_artifacts(run.info.run_id)]
        shown.append((run.info.run_name, run.info.status, tags, run.data.params, points, files))
    return sorted(shown, key=lambda row: row[0])


def test_a_lost_database_is_rebuilt_from_the_folders(store, client):
    tracker = reconciled(store)
    runs = runs_of(client, tracker)
    assert {name: run.info.status for name, run in runs.items()} == {
        "000 band statistics": "FINISHED",
        "001 mel-1win resnet18": "FINISHED",
        "002 lin": "FAILED",
        "003 lin": "KILLED",
    }
    first = runs["000 band statistics"]
    assert (first.info.start_time, first.info.end_time) == (1_000_000, 1_010_000)
    (point,) = client.get_metric_history(first.info.run_id, "devel/uar")
    assert (point.step, point.value, point.timestamp) == (1, 0.5, 1_009_000)
    assert runs["002 lin"].data.tags["spectune.reason"] == "NaN loss"


def test_the_rebuilt_runs_equal_those_logged_live(store, client, tmp_path):
    live = opened(store)
    for trial in TRIALS[:3]:
        live.start_trial(trial.number, trial.name, trial.params, trial.tags)
        for epoch, metrics in trial.epochs.items():
            live.log_epoch(trial.number, epoch, metrics)
        live.finish_trial(trial.number, trial.state, trial.metrics, trial.tags, trial.artifacts)
    live.close("finished")
    as_logged = content(client, live)
    rebuilt = reconciled(store, TRIALS[:3], study_id="id-2", experiment="again")
    as_rebuilt = content(client, rebuilt)
    for row in (*as_logged, *as_rebuilt):
        row[2].pop("spectune.study_id")
    assert as_rebuilt == as_logged


def test_reconciling_twice_changes_nothing(store, client):
    before = content(client, reconciled(store))
    assert content(client, reconciled(store)) == before


def test_reconciling_a_whole_store_writes_no_trial_again(store, monkeypatch):
    reconciled(store)
    monkeypatch.setattr(run_client.RunClient, "log_artifacts", lambda *_: pytest.fail("wrote"))
    reconciled(store)


def test_holes_wrong_values_doubles_and_strays_are_put_right(store, client):
    tracker = reconciled(store)
    before = content(client, tracker)
    runs = runs_of(client, tracker)
    client.delete_run(runs["000 band statistics"].info.run_id)
    client.update_run(runs["001 mel-1win resnet18"].info.run_id, status="RUNNING")
    parent = {"mlflow.parentRunId": tracker.run_id, "spectune.kind": "trial"}
    for number in (2, 99):  # a double, and a trial without a folder
        tags = {**parent, "spectune.trial": str(number)}
        client.create_run(tracker.experiment_id, tags=tags, run_name=f"stray {number}")

    after = content(client, reconciled(store))
    assert [row for row in after if row[0] != "stray 99"] == before
    (stray,) = [row for row in after if row[0] == "stray 99"]
    assert stray[1] == "KILLED"


def test_missing_points_are_added_and_present_ones_not_doubled(store, client):
    tracker = reconciled(store, [replace(TRIALS[1], epochs={1: TRIALS[1].epochs[1]})])
    (run,) = runs_of(client, tracker).values()
    reconciled(store, [TRIALS[1]])
    history = client.get_metric_history(run.info.run_id, "train/loss")
    assert [(m.step, m.value) for m in history] == [(1, 1.0), (2, 0.5), (3, 1 / 3)]


def test_more_runs_than_a_page_are_all_found(store, client, monkeypatch):
    monkeypatch.setattr(run_client, "PAGE", 3)
    trials = [TrackedTrial(number, "net", "complete") for number in range(10)]
    for _ in range(2):
        tracker = reconciled(store, trials)
    assert len(client.search_runs([tracker.experiment_id])) == 11


def test_artifacts_beyond_the_limit_of_what_waits_are_all_restored_and_made_once(
    store, client, monkeypatch
):
    monkeypatch.setattr(tracking_thread, "Writer", partial(Writer, limit_bytes=100_000))
    made = []

    def artifacts(number):
        made.append((number, threading.current_thread().name))
        return {"predictions_devel.csv": "a,b\n" * 10_000}

    trials = [
        TrackedTrial(n, "net", "complete", artifacts=partial(artifacts, n)) for n in range(40)
    ]
    for _ in range(2):
        tracker = reconciled(store, iter(trials))
        assert made == [(n, "tracking") for n in range(40)]
    runs = client.search_runs([tracker.experiment_id], "tags.`spectune.kind` = 'trial'")
    assert len(runs) == 40
    last = client.list_artifacts(runs[-1].info.run_id)
    assert [(file.path, file.file_size) for file in last] == [("predictions_devel.csv", 40_000)]


def test_artifacts_that_cannot_be_made_leave_the_rest_of_the_run(store, client, caplog):
    def damaged():
        raise InputError("devel.npy: not a complete NumPy array file")

    tracker = reconciled(store, [replace(TRIALS[1], artifacts=damaged)])
    (run,) = runs_of(client, tracker).values()
    assert run.info.status == "FINISHED"
    assert run.data.metrics["devel/uar_best"] == 0.3
    assert "spectune.logged" not in run.data.tags  # tried again by the next reconciliation
    assert "not tracked, artifacts cannot be made: devel.npy: not a complete" in caplog.text


def test_a_trial_started_before_the_reconciliation_is_left_alone(store, client):
    tracker = opened(store)
    tracker.start_trial(3, "lin", {}, {})
    tracker.reconcile(TRIALS[::-1])  # trial 3 comes first, and so was seen when there are four runs
    deadline = time.monotonic() + 20
    while len(runs_of(client, tracker)) < 4:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert runs_of(client, tracker)["003 lin"].info.status == "RUNNING"
    tracker.close("killed")


def test_an_epoch_repeated_after_a_resume_is_one_point(store, client):
    tracker = opened(store)
    tracker.reconcile(TRIALS)
    tracker.start_trial(3, "lin", {}, {})
    tracker.log_epoch(3, 1, {"devel/uar": 0.4})
    tracker.log_epoch(3, 2, {"devel/uar": 0.5})
    tracker.finish_trial(3, "complete", {}, {}, {})
    tracker.close("finished")
    run = runs_of(client, tracker)["003 lin"]
    assert run.info.status == "FINISHED"
    assert run.data.tags["spectune.logged"] == "complete, 2 epochs"
    assert len(client.get_metric_history(run.info.run_id, "devel/uar")) == 2


def test_after_kill_9_a_reconciliation_leaves_no_run_running(store):
    child = os.fork()  # a new interpreter would take seconds to import MLflow
    if child == 0:
        with contextlib.suppress(BaseException):
            tracker = opened(store)
            for number in range(40):
                tracker.start_trial(number, "net", {"lr": 0.1}, {})
                tracker.log_epoch(number, 1, {"devel/uar": 0.5})
                if number % 2:
                    tracker.finish_trial(number, "complete", {}, {}, {"a.txt": "a"})
            while tracker._thread._writer.n_written < 30:
                time.sleep(0.001)
        os.kill(os.getpid(), signal.SIGKILL)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    client = open_client(store)
    experiment = client.get_experiment_by_name("digits").experiment_id
    left = [run.info.status for run in client.search_runs([experiment])]
    assert left.count("RUNNING") > 1  # the parent, and trials

    done = [
        TrackedTrial(
            n, "net", "complete" if n % 2 else "running", {"lr": 0.1}, {1: {"devel/uar": 0.5}}
        )
        for n in range(40)
    ]
    tracker = reconciled(store, done)
    runs = client.search_runs([experiment])
    assert "RUNNING" not in {run.info.status for run in runs}
    numbers = [run.data.tags["spectune.trial"] for run in runs if run.info.run_id != tracker.run_id]
    assert len(numbers) == len(set(numbers)) == 40

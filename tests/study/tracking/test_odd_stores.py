"""Stores that are away, broken, of another version, made by a server, or half deleted."""

from __future__ import annotations

import logging
import sqlite3
import time
from pathlib import Path

import pytest

from search_spaces.grammar.errors import InputError
from study.tracking.tracker import resolve_tracking, store_at
from support.tracked_runs import opened, reconciled, runs_of


def test_a_store_that_is_away_does_not_hold_the_study_up(caplog):
    caplog.set_level(logging.WARNING)
    store = store_at("http://127.0.0.1:9", Path.cwd())  # the discard port: refused at once
    started = time.monotonic()
    tracker = opened(store)
    assert time.monotonic() - started < 30
    assert tracker.run_id is None
    tracker.start_trial(0, "net", {}, {})
    started = time.monotonic()
    assert "lacks 4 writes that did not arrive" in tracker.close("killed", drain_s=0.5)
    assert time.monotonic() - started < 3
    assert "the study starts without the tracking store" in caplog.text


def test_a_database_of_another_version_is_refused_with_a_sentence(store):
    with sqlite3.connect(Path(store.artifact_root).parent / "mlflow.db") as database:
        database.execute("update alembic_version set version_num = 'f5a4f2784254'")
    with pytest.raises(InputError, match=r"cannot be used: .*mlflow db upgrade"):
        opened(store)


def test_a_broken_database_is_refused_with_what_to_do(tmp_path):
    (tmp_path / "mlflow.db").write_text("a text that is no database " * 50)
    with pytest.raises(InputError, match=r"not a database.*`spectune reconcile` moves it away"):
        opened(resolve_tracking(tmp_path, {}))


def test_artifacts_reach_an_experiment_that_a_server_made(store, client):
    client.create_experiment("digits", artifact_location="mlflow-artifacts:/7")
    tracker = opened(store)
    tracker.start_trial(0, "net", {}, {})
    tracker.finish_trial(0, "complete", {}, {}, {"note.txt": "here"})
    assert tracker.close("finished") is None
    run_id = runs_of(client, tracker)["000 net"].info.run_id
    folder = Path(store.artifact_root) / "7" / run_id / "artifacts"
    assert (folder / "note.txt").read_text() == "here"


def test_a_deleted_experiment_is_restored(store, client):
    first = reconciled(store)
    client.delete_experiment(first.experiment_id)
    assert reconciled(store).experiment_id == first.experiment_id

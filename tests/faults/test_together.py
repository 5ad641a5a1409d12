"""Several at once: coordinators, readers and slots."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter

import pytest

from support.attacked import Attacked

pytestmark = [pytest.mark.faults, pytest.mark.timeout(1200)]


def spectune(*words: str, study: Attacked) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "study", *words],
        cwd=study.base, capture_output=True, text=True, timeout=300,
    )  # fmt: skip


def test_readers_of_a_study_that_is_written_and_a_second_coordinator(synthetic, tmp_path):
    study = Attacked(tmp_path, synthetic, budget={"trials": 8})
    study.start()
    while study.running and not list(study.folder.glob("trials/*/events.jsonl")):
        time.sleep(0.05)
    read = refused = 0
    while study.running:
        done = spectune("run", "study.yaml", study=study)
        if done.returncode == 2:
            assert "is being run by process" in done.stderr
            refused += 1
        for words in (["status"], ["status", "--json"], ["leaderboard"], ["report"]):
            done = spectune(words[0], "study.yaml", *words[1:], study=study)
            assert done.returncode == 0, (words, done.stderr)
            read += 1
    assert study.finish() == 0, study.log()
    study.check()
    assert read >= 4
    assert refused >= 1
    found = json.loads(spectune("status", "study.yaml", "--json", study=study).stdout)
    assert sum(found["trials"].values()) == 8


def test_two_studies_that_begin_at_once_share_a_fresh_store(synthetic, tmp_path, monkeypatch):
    store = tmp_path / "mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{store}")
    studies = [
        Attacked(tmp_path / name, synthetic, budget={"trials": 2}, experiment="shared")
        for name in ("a", "b")
    ]
    for study in studies:
        study.start()
    for study in studies:
        assert study.finish() == 0, study.log()
        assert "tracking store" not in study.log()
    with contextlib.closing(sqlite3.connect(store)) as database:
        experiments = database.execute("select name from experiments where name = 'shared'")
        assert experiments.fetchall() == [("shared",)]
        rows = database.execute(
            "select tags.value, runs.status from runs join tags using (run_uuid)"
            " where tags.key = 'spectune.study_id'"
        ).fetchall()
    ids = {json.loads((study.folder / "state.json").read_text())["id"] for study in studies}
    assert Counter(rows) == {(one, "FINISHED"): 4 for one in ids}  # study, two trials, fusion


def test_a_second_coordinator_goes_on_at_once_where_a_crash_left_the_lock(synthetic, tmp_path):
    study = Attacked(tmp_path, synthetic, budget={"trials": 2})
    study.start()
    while study.running and not list(study.folder.glob("trials/*/events.jsonl")):
        time.sleep(0.01)
    assert study.process is not None
    study.process.kill()
    study.process.wait(60)
    assert json.loads((study.folder / ".lock").read_text())["pid"] == study.process.pid
    assert study.finish() == 0, study.log()
    study.check()


def test_a_worker_that_hangs_is_replaced_and_the_result_is_that_of_an_undisturbed_study(
    synthetic, tmp_path
):
    changes = {"budget": {"trials": 2}, "hang_minutes": 0.25}
    alone = Attacked(tmp_path / "alone", synthetic, **changes)
    assert alone.finish() == 0, alone.log()
    study = Attacked(tmp_path / "hung", synthetic, **changes)
    study.start()
    events = study.folder / "trials" / "00001" / "events.jsonl"
    while study.running and not (events.exists() and '"epoch"' in events.read_text()):
        time.sleep(0.002)
    (worker,) = study.processes("runners.engines.worker")
    os.kill(worker, signal.SIGSTOP)
    assert study.finish() == 0, study.log()
    study.check()
    assert "no sign of life for 15 s" in events.read_text()
    assert study.leaderboard() == alone.leaderboard()
    assert study.fusion() == alone.fusion()
    assert study.files() == alone.files()


def test_eight_slots_on_one_machine_give_each_trial_its_own_numbers(synthetic, tmp_path):
    alone = Attacked(tmp_path / "alone", synthetic, sampler="random", pruning={"enabled": False})
    assert alone.finish() == 0, alone.log()
    together = Attacked(
        tmp_path / "together", synthetic, sampler="random", slots=8, pruning={"enabled": False}
    )
    assert together.finish(timeout=900) == 0, together.log()
    together.check()
    assert together.files() == alone.files()

"""Several at once: coordinators, readers and slots."""

from __future__ import annotations

import json
import subprocess
import sys
import time

import pytest

from attacked import Attacked

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


def test_eight_slots_on_one_machine_give_each_trial_its_own_numbers(synthetic, tmp_path):
    alone = Attacked(tmp_path / "alone", synthetic, sampler="random", pruning={"enabled": False})
    assert alone.finish() == 0, alone.log()
    together = Attacked(
        tmp_path / "together", synthetic, sampler="random", slots=8, pruning={"enabled": False}
    )
    assert together.finish(timeout=900) == 0, together.log()
    together.check()
    assert together.files() == alone.files()

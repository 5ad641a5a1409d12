"""A refit on train and devel of a real tiny study."""

from __future__ import annotations

import csv
import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from search_spaces import InputError
from study.challenge.refit import _trainings, refit_study, seed_of
from study.challenge.submission import blind_probabilities
from study.planning.plan import plan_study
from study.results import read_results
from support.finished_study import config_of, copy_study


def results_of(path: Path) -> list[dict]:
    return [
        json.loads(p.read_text()) for p in sorted((path / "refit").glob("*/seed-*/result.json"))
    ]


def test_a_refit_trains_each_member_to_its_best_epoch_of_its_own_schedule(refitted):
    results = read_results(refitted)
    found = results_of(refitted)
    trials = {member.trial for member in results.ensemble.members}
    assert {one["trial"] for one in found} == trials
    for one in found:
        trial = results.trial(one["trial"])
        assert (one["last_epoch"], one["epochs"]) == (trial.best_epoch, trial.epochs)
        assert set(one["files"]) == {"test.npy", "model.safetensors"}  # nothing is left to judge on
    networks = [t for t in trials if results.trial(t).family != "band_svm"]
    assert len(found) == len(trials) + len(networks)  # two seeds each, but for the linear machine
    for trial in networks:
        seeds = [one["seed"] for one in found if one["trial"] == trial]
        own = results.trial(trial).spec["seed"]
        assert seeds == [own, seed_of(own, 1)]


def test_a_refit_passes_its_more_clips_as_often_as_the_trial_passed_its_own(finished, synthetic):
    results = read_results(finished)
    member = next(m for m in results.ensemble.members if "band_svm" not in m.name)
    trial = results.trial(member.trial)
    in_steps = trial.spec["recipe"] | {"min_steps": 500}
    longer = dataclasses.replace(trial, spec=trial.spec | {"recipe": in_steps})
    plan = plan_study(config_of(synthetic), base=finished.parent.parent)
    (training,) = _trainings(plan, SimpleNamespace(trial=lambda number: longer), member, 1)
    task = plan.task.partitions
    passes = (len(task["train"]) + len(task["devel"])) / len(task["train"])
    assert training.spec.recipe.min_steps == round(500 * passes) > 500
    assert training.last_epoch == trial.best_epoch


def test_a_refit_sees_train_and_devel_and_no_other_clip(refitted):
    task = json.loads((refitted / "refit" / "task.json").read_text())
    before = json.loads((refitted / "task.json").read_text())
    wanted = before["partitions"]["train"] + before["partitions"]["devel"]
    assert task["partitions"]["train"] == wanted
    assert task["labels"]["train"] == before["labels"]["train"] + before["labels"]["devel"]
    assert task["partitions"]["devel"] == task["labels"]["devel"] == []
    assert not set(wanted) & set(task["partitions"]["test"])


def test_test_predictions_are_the_weighted_mean_over_members_and_seeds(refitted):
    results = read_results(refitted)
    total = 0.0
    for member in results.ensemble.members:
        files = sorted((refitted / "refit" / f"{member.trial:05d}").glob("seed-*/*/test.npy"))
        total = total + member.weight * np.mean([np.load(path) for path in files], axis=0)
    if decision := (results.ensemble.rule or {}).get("decision"):  # p^(1/T) * exp(b), normalised
        total = total ** (1 / decision["temperature"]) * np.exp(decision["bias"])
        total = total / total.sum(1, keepdims=True)
    assert blind_probabilities(results, "train+devel") == pytest.approx(total, abs=1e-6)
    with (refitted / "refit" / "predictions_test.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["prediction"] for row in rows] == [results.classes[i] for i in total.argmax(1)]
    assert [row["file_name"] for row in rows] == [
        clip.file_name for clip in results.partitions["test"].clips
    ]


def test_a_refit_again_trains_nothing(refitted, synthetic):
    before = {p: p.stat().st_mtime_ns for p in (refitted / "refit").rglob("*.safetensors")}
    assert refit_study(config_of(synthetic), base=refitted.parent.parent, echo=lambda t: None) == 0
    assert {p: p.stat().st_mtime_ns for p in (refitted / "refit").rglob("*.safetensors")} == before


def test_a_study_without_a_fusion_is_not_refitted(finished, synthetic, tmp_path):
    folder = copy_study(finished, tmp_path / "base")
    (folder / "ensemble" / "ensemble.json").unlink()
    with pytest.raises(InputError, match="has no fusion yet"):
        refit_study(config_of(synthetic), base=tmp_path / "base", echo=lambda text: None)


@pytest.mark.slow
def test_a_refit_killed_in_the_middle_gives_the_same_predictions(finished, refitted, tmp_path):
    folder = copy_study(finished, tmp_path / "base")
    command = [sys.executable, "-m", "study", "refit", "study.yaml"]
    process = subprocess.Popen(command, cwd=tmp_path / "base", start_new_session=True)
    deadline = time.monotonic() + 120
    while not list((folder / "refit").glob("*/*/spec.json")):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not (folder / "refit" / "refit.json").exists()
    subprocess.run(command, cwd=tmp_path / "base", check=True)
    wanted = (refitted / "refit" / "predictions_test.csv").read_bytes()
    assert (folder / "refit" / "predictions_test.csv").read_bytes() == wanted

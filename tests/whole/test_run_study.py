"""A whole study with real workers and stores: its files, its resume, its faults."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import optuna
import pytest
import yaml
from sklearn.metrics import balanced_accuracy_score

from reports.summary import summary
from search_spaces import InputError
from study.corpus.audio.waveform_cache import default_cache_root
from study.results import read_results
from study.search.attempts import FailingAlike
from study.search.display import Progress
from study.search.session import run_study
from support.finished_study import config_of, plain_of
from support.tiny_space import TINY_SPACE

SPECTUNE = [sys.executable, "-m", "study"]


def run(corpus: Path, base: Path, **changes) -> tuple[int, str]:
    said: list[str] = []
    code = run_study(config_of(corpus, **changes), base=base, echo=said.append, progress=Progress())
    return code, "\n".join(said)


def table(folder: Path) -> list[dict[str, str]]:
    """The leaderboard, without what depends on the clock."""
    with (folder / "leaderboard.csv").open() as file:
        return [{k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(file)]


def fusion(folder: Path) -> dict:
    return json.loads((folder / "ensemble" / "ensemble.json").read_text())


def states(folder: Path) -> list[str]:
    (name,) = optuna.get_all_study_names(f"sqlite:///{folder / 'optuna.db'}")
    loaded = optuna.load_study(study_name=name, storage=f"sqlite:///{folder / 'optuna.db'}")
    return [trial.state.name for trial in loaded.get_trials()]


def test_a_study_leaves_everything_that_was_promised(finished, synthetic):
    results = read_results(finished)
    assert [t.number for t in results.trials] == [0, 1, 2, 3]
    assert results.trials[0].origin == "baseline:band_svm"
    for trial in results.trials:
        assert trial.state in ("complete", "pruned")
        assert {"devel.npy", "test.npy", "model.safetensors"} == set(trial.files)
        assert all(trial.file(name).exists() for name in trial.files)
    assert set(states(finished)) <= {"COMPLETE", "PRUNED"}
    assert len(table(finished)) == 4
    labels = [clip.label for clip in results.partitions["devel"].clips]
    with (finished / "ensemble" / "predictions_devel.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["label"] for row in rows] == labels
    uar = balanced_accuracy_score(labels, [row["prediction"] for row in rows])
    assert fusion(finished)["uar"] == pytest.approx(uar)
    with (finished / "ensemble" / "predictions_test.csv").open() as file:
        blind = list(csv.DictReader(file))
    assert {row["label"] for row in blind} == {""}
    assert len(blind) == len(results.partitions["test"].clips)


def test_the_stored_probabilities_give_the_uar_that_is_told(finished):
    results = read_results(finished)
    code = {name: i for i, name in enumerate(results.classes)}
    labels = [code[clip.label] for clip in results.partitions["devel"].clips]
    for trial in results.trials:
        devel = np.load(trial.file("devel.npy"))
        told = [balanced_accuracy_score(labels, epoch.argmax(1)) for epoch in devel]
        assert told == pytest.approx(list(trial.uar_per_epoch))
        assert trial.uar == max(trial.uar_per_epoch)


def test_the_same_command_again_trains_nothing_and_more_budget_goes_on(
    finished, synthetic, tmp_path
):
    shutil.copytree(finished.parent, tmp_path / "results")
    folder = tmp_path / "results" / "tiny"
    times = [p.stat().st_mtime_ns for p in sorted(folder.glob("trials/*/result.json"))]
    code, said = run(synthetic, tmp_path)
    assert code == 0
    assert "fusion of" in said
    assert table(folder) == table(finished)
    run(synthetic, tmp_path, budget={"trials": 5})
    again = [p.stat().st_mtime_ns for p in sorted(folder.glob("trials/*/result.json"))]
    assert (len(again), again[:4]) == (5, times)


def spectune(*arguments: str, cwd: Path, **options) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*SPECTUNE, *arguments], cwd=cwd, capture_output=True, text=True, timeout=200, **options
    )


def start(cwd: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*SPECTUNE, "run", "study.yaml"],
        cwd=cwd,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def wait_for(path: Path, pattern: str, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 120
    while not list(path.glob(pattern)):
        assert process.poll() is None, process.stderr and process.stderr.read()
        assert time.monotonic() < deadline, f"no {pattern}"
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("number", "where"),
    [
        pytest.param(signal.SIGKILL, "trials/00001/spec.json", marks=pytest.mark.slow),
        (signal.SIGKILL, "trials/00002/attempt-1/checkpoint.safetensors"),
        pytest.param(
            signal.SIGTERM,
            "trials/00002/attempt-1/checkpoint.safetensors",
            marks=pytest.mark.slow,
        ),
        pytest.param(signal.SIGHUP, "trials/00001/attempt-1/log.txt", marks=pytest.mark.slow),
        pytest.param(signal.SIGINT, "trials/00003/attempt-1/log.txt", marks=pytest.mark.slow),
    ],
)
def test_a_study_killed_in_the_middle_ends_as_an_undisturbed_one(
    finished, synthetic, tmp_path, number, where
):
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(plain_of(synthetic), sort_keys=False))
    folder = tmp_path / "results" / "tiny"
    process = start(tmp_path)
    wait_for(folder, where, process)
    os.kill(process.pid, number)
    code = process.wait(60)
    assert code == (-9 if number == signal.SIGKILL else 130)
    done = {p: p.stat().st_mtime_ns for p in folder.glob("trials/*/result.json")}
    assert len(done) < 4
    again = spectune("run", "study.yaml", cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    assert {p: p.stat().st_mtime_ns for p in done} == done
    assert table(folder) == table(finished)
    assert fusion(folder) == fusion(finished)
    assert "RUNNING" not in states(folder)
    assert len(states(folder)) == 4
    assert not list(folder.rglob("checkpoint.safetensors"))


def test_a_lost_optuna_store_is_made_anew_from_the_trials(finished, synthetic, tmp_path):
    shutil.copytree(finished.parent, tmp_path / "results")
    folder = tmp_path / "results" / "tiny"
    told = states(folder)
    (folder / "optuna.db").unlink()
    for number in (2, 3):  # and it goes on as it would have gone on
        shutil.rmtree(folder / "trials" / f"{number:05d}")
    run(synthetic, tmp_path)
    assert states(folder) == told
    assert table(folder) == table(finished)
    assert fusion(folder) == fusion(finished)


def test_a_damaged_optuna_store_is_a_sentence(finished, synthetic, tmp_path):
    shutil.copytree(finished.parent, tmp_path / "results")
    (tmp_path / "results" / "tiny" / "optuna.db").write_bytes(b"no database" * 1000)
    with pytest.raises(InputError, match="move it away and the same command makes it anew"):
        run(synthetic, tmp_path)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"seed": 1}, "`seed` was 0 and is now 1"),
        ({"pad": "zero"}, "`pad` was 'repeat' and is now 'zero'"),
        ({"space": {**TINY_SPACE, "scale": "log"}}, "its search space was another one"),
    ],
)
def test_what_defines_a_study_cannot_change(finished, synthetic, changes, sentence):
    before = {p: p.read_bytes() for p in finished.rglob("*.json")}
    with pytest.raises(InputError) as caught:
        run(synthetic, finished.parent.parent, **changes)
    assert sentence in caught.value.problems[0]
    assert "another `name`" in caught.value.problems[0]
    assert {p: p.read_bytes() for p in finished.rglob("*.json")} == before


def test_a_folder_that_is_no_study_is_not_written_into(synthetic, tmp_path):
    (tmp_path / "results" / "tiny").mkdir(parents=True)
    (tmp_path / "results" / "tiny" / "thesis.tex").write_text("x")
    with pytest.raises(InputError, match="is not empty and is no study"):
        run(synthetic, tmp_path)
    assert [p.name for p in (tmp_path / "results" / "tiny").iterdir()] == ["thesis.tex"]


def test_a_loss_that_is_not_finite_fails_its_trial_and_not_the_study(synthetic, tmp_path):
    optimizer = {"sgd": {"lr": {"low": 1e29, "high": 1e30}}}
    space = {**TINY_SPACE, "baselines": {}, "optimizer": optimizer}
    code, said = run(synthetic, tmp_path, space=space, budget={"trials": 4})
    assert code == 3  # the study went on to its budget, since the specs are at fault, in vain
    assert "no trial has ended with a result" in said
    results = read_results(tmp_path / "results" / "tiny")
    assert [t.state for t in results.trials] == ["failed"] * 4
    assert "loss is" in str(results.trials[0].reason)
    assert set(states(tmp_path / "results" / "tiny")) == {"PRUNED"}  # which a sampler does see


class LosesTheCache(Progress):
    """Deletes the decoded corpus when the study has begun: no trial can read it."""

    def begin(self, *arguments) -> None:
        super().begin(*arguments)
        shutil.rmtree(default_cache_root())


def test_trials_that_fail_alike_stop_the_study_with_the_reason(synthetic, tmp_path, monkeypatch):
    monkeypatch.setenv("SPECTUNE_CACHE", str(tmp_path / "cache"))
    said: list[str] = []
    config = config_of(synthetic, budget={"trials": 9})
    code = run_study(config, base=tmp_path, echo=said.append, progress=LosesTheCache())
    assert code == 3
    assert "stopped: trials 0, 1, 2 failed alike: InputError" in "\n".join(said)
    assert set(states(tmp_path / "results" / "tiny")) == {"FAIL"}


def test_what_a_study_leaves_when_it_stops_is_called_interrupted(synthetic, tmp_path, monkeypatch):
    monkeypatch.setattr(FailingAlike, "count", lambda self, result: "no room")
    said: list[str] = []
    reported: list[str] = []

    def report(folder: Path) -> Path:
        reported.append(dict(summary(read_results(folder)).facts)["trials"])
        return folder

    config = config_of(synthetic, slots=2)
    code = run_study(config, base=tmp_path, echo=said.append, progress=Progress(), report=report)
    assert code == 3
    assert reported == ["2 (1 complete, 1 interrupted (goes on))"]
    assert any(line.startswith("1 complete, 1 interrupted (goes on); ") for line in said)
    assert table(tmp_path / "results" / "tiny")[1]["state"] == "interrupted"


def test_only_the_best_weights_and_the_fusions_are_kept(synthetic, tmp_path):
    folder, two = tmp_path / "results" / "tiny", {"max_members": 2}
    run(synthetic, tmp_path, keep_weights=4, budget={"trials": 4}, ensemble=two)
    members = {member.trial for member in read_results(folder).ensemble.members}
    assert len(members) == 2
    run(synthetic, tmp_path, keep_weights=1, budget={"trials": 5}, ensemble=two)
    results = read_results(folder)
    kept = {t.number for t in results.trials if t.file("model.safetensors").exists()}
    assert kept == {results.best.number, *members}


def test_a_study_is_tracked_in_mlflow_and_found_again_by_a_second_session(
    tracked_copy, synthetic, tmp_path
):
    code, _ = run(synthetic, tmp_path, tracking=True, budget={"trials": 4})
    assert code == 0
    trials = read_results(tracked_copy).trials
    database = sqlite3.connect(tmp_path / "mlflow.db")
    runs = database.execute("select name, status from runs order by name").fetchall()
    assert [name for name, _ in runs if name.startswith("0")] == [
        f"{trial.number:03d} {trial.name}" for trial in trials
    ]
    assert (len(trials), trials[0].name) == (4, "mel-mono band_svm")
    assert len([name for name, _ in runs if name == "study tiny"]) == 1
    assert any("fusion" in name for name, _ in runs)
    assert {status for _, status in runs} == {"FINISHED"}
    metrics = database.execute("select distinct key from metrics").fetchall()
    assert {"devel/uar", "devel/uar_best", "train/loss", "time/epoch_s"} <= {k for (k,) in metrics}

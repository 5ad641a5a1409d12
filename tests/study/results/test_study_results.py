import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest

from search_spaces.grammar.errors import InputError
from study.files import replace_text
from study.results import read_results
from study.results.leaderboard import leaderboard, write_leaderboard


def test_a_study_is_read_whole(thirty_trials):
    results = read_results(thirty_trials)
    assert results.name == "fake study"
    assert results.classes == ("clear", "mask")
    assert len(results.trials) == 30
    assert results.count() == {"complete": 22, "pruned": 5, "failed": 2, "running": 1}
    assert results.partitions["test"].clips[0].label is None
    assert results.ensemble is not None
    assert results.best is not None
    assert results.best.uar == max(t.uar for t in results.trials if t.ranked)
    assert results.best.file("devel.npy").is_file()


def test_a_trial_without_a_result_is_running_and_tells_its_epochs_so_far(thirty_trials):
    trial = read_results(thirty_trials).trial(29)
    assert trial.state == "running"
    assert not trial.finished
    assert trial.uar_per_epoch == (0.4, 0.5)
    assert (trial.uar, trial.best_epoch, trial.epochs) == (0.5, 2, 12)
    assert not trial.ranked


def test_an_attempt_that_went_back_takes_its_later_epochs_with_it(fake_study):
    folder = fake_study(n_trials=2)
    events = [
        {"time": 1, "attempt": 1, "event": "epoch", "epoch": e, "epochs": 3, "devel_uar": e / 10}
        for e in (1, 2, 3)
    ]
    events.append({**events[1], "attempt": 2, "devel_uar": 0.9})
    lines = "\n".join(map(json.dumps, events))
    (folder / "trials" / "00001" / "events.jsonl").write_text(lines)
    trial = read_results(folder).trial(1)
    assert trial.uar_per_epoch == (0.1, 0.9)
    assert trial.attempt == 2


def test_a_trial_folder_without_a_spec_is_not_a_trial_yet(fake_study):
    folder = fake_study(n_trials=2)
    (folder / "trials" / "00002").mkdir()
    assert [t.number for t in read_results(folder).trials] == [0, 1]


@pytest.mark.parametrize("missing", ["trials", "ensemble"])
def test_a_study_that_has_only_begun_is_read(fake_study, missing):
    folder = fake_study(n_trials=3)
    (folder / missing).rename(folder / "elsewhere")
    results = read_results(folder)
    assert results.state["id"] == "0f8b2c"


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (None, "no such results folder"),
        ("state.json", "no state.json"),
    ],
)
def test_what_is_no_results_folder_is_refused(tmp_path, damage, words):
    folder = tmp_path / "folder"
    if damage:
        folder.mkdir()
    with pytest.raises(InputError, match=words):
        read_results(folder)


@pytest.mark.parametrize(
    "name", ["state.json", "clips.json", "ensemble/ensemble.json", "trials/00001/result.json"]
)
@pytest.mark.parametrize("text", ['{"torn": ', "[1]"])
def test_a_damaged_file_is_named(fake_study, name, text):
    folder = fake_study(n_trials=3)
    (folder / name).write_text(text)
    with pytest.raises(InputError, match=Path(name).name):
        read_results(folder)


def test_an_unknown_trial_is_refused(thirty_trials):
    with pytest.raises(InputError, match="no trial 99"):
        read_results(thirty_trials).trial(99)


def test_the_leaderboard_ranks_ended_trials_and_lists_the_others_after(thirty_trials):
    rows = leaderboard(read_results(thirty_trials))
    ranked = [row for row in rows if row["rank"] is not None]
    assert [row["rank"] for row in ranked] == list(range(1, 28))
    assert [row["uar"] for row in ranked] == sorted((r["uar"] for r in ranked), reverse=True)
    assert [row["state"] for row in rows[27:]] == ["interrupted", "failed", "failed"]
    assert list(rows[0])[:7] == ["rank", "trial", "name", "uar", "best_epoch", "state", "seconds"]
    assert rows[0]["backbone"] == read_results(thirty_trials).best.params["backbone"]


def test_the_leaderboard_csv_has_no_formula_and_every_parameter(fake_study):
    folder = fake_study(n_trials=4)
    spec = json.loads((folder / "trials/00001/spec.json").read_text())
    spec["params"] = {"=cmd": "=1+1", "scale": "@mel", "negative": -0.5, "list": [1, 2]}
    (folder / "trials/00001/spec.json").write_text(json.dumps(spec))
    result = json.loads((folder / "trials/00001/result.json").read_text())
    (folder / "trials/00001/result.json").write_text(json.dumps({**result, "name": "-x"}))
    path = write_leaderboard(read_results(folder), folder / "leaderboard.csv")
    with path.open(newline="") as file:
        row = next(row for row in csv.DictReader(file) if row["trial"] == "1")
    assert row["name"] == "'-x"
    assert row["'=cmd"] == "'=1+1"
    assert row["scale"] == "'@mel"
    assert row["negative"] == "-0.5"
    assert row["list"] == "[1, 2]"
    assert float(row["uar"]) == result["uar"]


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path):
    path = replace_text(tmp_path / "a.txt", "old")
    with pytest.raises(UnicodeEncodeError):
        replace_text(path, "\ud800")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_reading_results_loads_nothing_heavy():
    code = "import sys, study.results.study_results, study.results.leaderboard; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout
    roots = {name.partition(".")[0] for name in loaded.split()}
    assert not roots & {"torch", "mlflow", "optuna", "pandas", "plotly", "sklearn", "numpy"}

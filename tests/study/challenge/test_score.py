"""Labels that arrive later: scores of every system, in MLflow and in the report."""

from __future__ import annotations

import csv
import json
import shutil
import sqlite3
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score

from search_spaces import InputError
from study.challenge.score import (
    match_labels,
    print_scores,
    read_labels,
    score_study,
    track_scores,
)
from study.challenge.submission import blind_probabilities, submit
from study.results import read_results
from support.finished_study import copy_study


def test_scores_are_a_run_beside_the_trials_and_once_only(tracked_copy, tmp_path):
    results = read_results(tracked_copy)
    labels = tmp_path / "arrived.csv"
    with labels.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["file_name", "label"])
        for i, clip in enumerate(results.partitions["test"].clips):
            writer.writerow([clip.file_name, results.classes[i % 2]])
    record = score_study(results, labels)
    report = tmp_path / "report.html"
    report.write_text("with scores")
    for _ in range(2):
        assert track_scores(results, record, report=report, project=tmp_path) is None
    database = sqlite3.connect(tmp_path / "mlflow.db")
    found = database.execute(
        "select r.run_uuid, r.status from runs r where r.name = 'test labels arrived.csv'"
    ).fetchall()
    assert [status for _, status in found] == ["FINISHED"]
    (run_id, _) = found[0]
    metrics = dict(
        database.execute("select key, value from metrics where run_uuid=?", (run_id,)).fetchall()
    )
    fusion = next(s for s in record["systems"] if s["name"] == "fusion")
    assert metrics["test/uar_train"] == fusion["uar"]
    (parent,) = database.execute(
        "select value from tags where key='mlflow.parentRunId' and run_uuid=?", (run_id,)
    ).fetchone()
    named = database.execute("select name from runs where run_uuid=?", (parent,)).fetchall()
    assert named == [("study tiny",)]
    (stored,) = tmp_path.glob(f"mlartifacts/**/{parent}/artifacts/report.html")
    assert stored.read_text() == "with scores"
    assert json.loads((tracked_copy / "scores.json").read_text())["n"] == record["n"]


def test_labels_that_arrive_later_are_scored_for_every_system(refitted, tmp_path):
    folder = copy_study(refitted, tmp_path / "base")
    results = read_results(folder)
    submit(results, protocol="train", team="team", tries=5)
    labels_file = Path(results.corpus["root"]) / "lab" / "test_labels.csv"
    record = score_study(results, labels_file)
    with labels_file.open() as file:
        truth = {row["file_name"]: row["label"] for row in csv.DictReader(file)}
    labels = [truth[clip.file_name] for clip in results.partitions["test"].clips]
    for protocol in ("train", "train+devel"):
        guesses = blind_probabilities(results, protocol).argmax(1)
        wanted = balanced_accuracy_score(labels, [results.classes[i] for i in guesses])
        (system,) = [
            s for s in record["systems"] if (s["name"], s["protocol"]) == ("fusion", protocol)
        ]
        assert system["uar"] == pytest.approx(wanted)
        assert np.sum(system["confusion_matrix"]) == len(labels)
    assert any(s["name"].endswith("team_1.csv") for s in record["systems"])
    from reports.report import page

    html = page(read_results(folder))
    assert "whose labels came from test_labels.csv" in html


def test_a_fusion_without_a_refit_is_scored_and_what_is_missing_said(finished, tmp_path):
    results = read_results(copy_study(finished, tmp_path / "base"))
    record = score_study(results, Path(results.corpus["root"]) / "lab" / "test_labels.csv")
    assert {system["protocol"] for system in record["systems"]} == {"train"}
    said: list[str] = []
    print_scores(record, said.append)
    assert "fusion (train+devel): not scored: " in said[-1]
    assert "has no refit yet" in said[-1]


def test_a_study_that_was_interrupted_before_its_fusion_has_its_best_trial_scored(
    finished, tmp_path
):
    folder = copy_study(finished, tmp_path / "base")
    shutil.rmtree(folder / "ensemble")
    results = read_results(folder)
    labels = Path(results.corpus["root"]) / "lab" / "test_labels.csv"
    (system,) = score_study(results, labels)["systems"]
    assert system["name"].startswith("best single: ")
    shutil.rmtree(folder / "trials")
    with pytest.raises(InputError, match="nothing has predicted test yet"):
        score_study(read_results(folder), labels)


@pytest.mark.parametrize(
    ("where", "spoil", "rule"),
    [
        ("best", lambda a: np.full_like(a, np.nan), "must be finite"),
        ("best", lambda a: a[1:], "must hold"),
        ("member", lambda a: a[1:], "must hold"),
        ("refit", lambda a: a[1:], "must hold"),
    ],
)
def test_damaged_predictions_are_not_scored(refitted, tmp_path, where, spoil, rule):
    results = read_results(copy_study(refitted, tmp_path / "base"))
    path = {
        "best": results.best.file("test.npy"),
        "member": results.trial(results.ensemble.members[-1].trial).file("test.npy"),
        "refit": results.folder / "refit" / "test.npy",
    }[where]
    np.save(path, spoil(np.load(path)))
    with pytest.raises(InputError, match=rf"test\.npy: .*{rule}"):
        score_study(results, Path(results.corpus["root"]) / "lab" / "test_labels.csv")
    assert not (results.folder / "scores.json").exists()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("file_name,label\na.wav,x\n", "1 are missing, the first is b.wav"),
        ("file_name,label\na.wav,x\nb.wav,z\n", "label must be one of x, y, got 'z'"),
        (
            "file_name,label\na.wav,x\na.wav,y\nb.wav,y\n",
            "every clip may occur once, 'a.wav' is also in line 2",
        ),
        ("name,class\na.wav,x\n", "needs the columns file_name and label"),
        ("", "needs the columns"),
    ],
)
def test_wrong_labels_are_refused_with_a_sentence(tmp_path, text, sentence):
    (tmp_path / "labels.csv").write_text(text)
    with pytest.raises(InputError, match=sentence):
        read_labels(tmp_path / "labels.csv", ["a.wav", "b.wav"], ("x", "y"))


def test_labels_of_segments_are_told_apart_by_times_in_seconds_or_timedeltas(tmp_path):
    names = ["c/a.wav#t=0,1", "c/a.wav#t=1,2.5"]
    path = tmp_path / "labels.csv"
    for times in (("1,2.5", "0,1"), ("00:00:01,0 days 00:00:02.5", "0 days 00:00:00,00:00:01")):
        path.write_text(f"file,start,end,label\na.wav,{times[0]},x\na.wav,{times[1]},y\n")
        labels, by = match_labels(path, names, ("x", "y"), others=["c/b.wav#t=0,1"])
        assert (labels, by) == (
            ["y", "x"],
            "file name, without the first folder of the clips' names",
        )
        with pytest.raises(InputError, match=r"2 are missing.* are then the same"):
            match_labels(path, names, ("x", "y"), others=["d/a.wav#t=0,1"])
    path.write_text("file,start,end,mood,label\na.wav,1,2.5,x,?\na.wav,0,1,y,?\n")
    assert match_labels(path, names, ("x", "y"), label_column="mood")[0] == ["y", "x"]
    path.write_text("file,label\na.wav,x\n")
    with pytest.raises(InputError, match="the table needs the columns start and end"):
        read_labels(path, names, ("x", "y"))

"""Scores of labels that arrive later reach MLflow and the report."""

from __future__ import annotations

import csv
import json
import sqlite3

from study.challenge.score import score_study, track_scores
from study.results import read_results


def test_scores_are_a_run_beside_the_trials_and_once_only(tracked, tracked_copy, tmp_path):
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
        assert track_scores(results, record, report=report) is None
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
    (stored,) = tracked.parent.parent.glob(f"mlartifacts/**/{parent}/artifacts/report.html")
    assert stored.read_text() == "with scores"
    assert json.loads((tracked_copy / "scores.json").read_text())["n"] == record["n"]

"""Where a study's MLflow store is noted, what is not, and that a later fusion is told there."""

from __future__ import annotations

from pathlib import Path

import pytest

from study.results import read_results
from study.tracking.store import open_client
from study.tracking.store_checks import LeftOutError, tracking_store
from study.tracking.tracker import TrackingStore, escape_markdown


def noted(store: TrackingStore) -> dict:
    mlflow = {"tracking_uri": store.label, "artifact_root": store.artifact_root}
    return {"mlflow": mlflow}


def test_a_store_is_found_again_from_another_folder(tmp_path, monkeypatch):
    store = TrackingStore(f"sqlite:///{tmp_path}/mlflow.db", str(tmp_path / "mlartifacts"))
    monkeypatch.chdir("/")
    assert tracking_store(noted(store), tmp_path) == store
    assert tracking_store({"mlflow": None}, tmp_path) == store


def test_a_store_in_the_project_moves_with_it_and_one_outside_counts_where_it_is_typed(
    tmp_path, monkeypatch
):
    project = tmp_path / "project"
    own = {"mlflow": {"tracking_uri": "sqlite:///runs/m.db", "artifact_root": None}}
    then = noted(TrackingStore("sqlite:////was/here/runs/m.db", "/was/here/runs/mlartifacts"))
    for state in (own, then | {"base": "/was/here"}):
        found = tracking_store(state, project)
        assert found.file == project / "runs" / "m.db"
        assert found.artifact_root == str(project / "runs" / "mlartifacts")
        with pytest.raises(LeftOutError, match="MLFLOW_TRACKING_URI names a store"):
            tracking_store(state, None)
    outside = noted(TrackingStore(f"sqlite:///{tmp_path}/mlflow.db", None)) | {"base": str(project)}
    with pytest.raises(LeftOutError):
        tracking_store(outside, project)
    monkeypatch.chdir(tmp_path)
    assert tracking_store(outside, project).file == tmp_path / "mlflow.db"


def test_a_password_is_not_noted_but_taken_from_the_environment_again(monkeypatch):
    store = TrackingStore("https://me:secret@example.org/mlflow", None)
    state = noted(store)
    assert "secret" not in str(state)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store.tracking_uri)
    assert tracking_store(state, None) == store


def test_another_fusion_is_told_in_the_report_and_in_mlflow(tracked_copy, spectune):
    results = read_results(tracked_copy)
    noted_run = results.state["mlflow"]
    (tracked_copy / "report.html").write_text("of the old fusion")
    code, out, _ = spectune("ensemble", tracked_copy, "ensemble.method=stacking")
    assert code == 0
    page = (tracked_copy / "report.html").read_text()
    assert f"report: {tracked_copy / 'report.html'}" in out
    assert 'id="fusion"' in page
    client = open_client(tracking_store(results.state, tracked_copy.parents[1]))
    run = client.get_run(noted_run["run_id"])
    told = read_results(tracked_copy).ensemble.honest["sentence"]
    assert escape_markdown(told) in run.data.tags["mlflow.note.content"]
    assert run.info.status == "FINISHED"
    kind = "tags.`spectune.fusion` = 'fusion' and attributes.run_name = 'fusion'"
    (fusion,) = client.search_runs([noted_run["experiment_id"]], kind)
    assert {"devel/uar_honest", "devel/gain_honest"} <= set(fusion.data.metrics)
    for member in read_results(tracked_copy).ensemble.members:  # stacking has no trajectory
        named = escape_markdown(f"{member.trial:03d} {member.name}")
        assert f"[{named}]" in fusion.data.tags["mlflow.note.content"]
    assert Path(client.download_artifacts(noted_run["run_id"], "report.html")).read_text() == page

"""Tracking against servers that a person might run: all start MLflow, which takes many seconds."""

from __future__ import annotations

import json
import time
import urllib.parse
import urllib.request
from pathlib import Path

import pytest

from study.tracking.run_client import ParentRun
from study.tracking.store import open_client
from study.tracking.tracker import TrackedTrial, Tracker, resolve_tracking, store_at
from study.tracking.ui import free_port
from support.mlflow_server import start_server, stop_server

pytestmark = pytest.mark.slow

PARENT = ParentRun(
    experiment="digits & <co>",
    study_id="id-1",
    run_name="digits",
    params={"seed": 0},
    dataset={"digest": "d" * 64},
)


def get(port, route, **query):
    url = f"http://127.0.0.1:{port}/{route}?{urllib.parse.urlencode(query)}"
    with urllib.request.urlopen(url, timeout=20) as answer:
        return answer.read()


def post(port, path, **body):
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/{path}",
        data=json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)


@pytest.mark.parametrize("name", ["plain", "a b%20c?d#é"])
def test_mlflow_ui_in_the_folder_shows_runs_and_serves_artifacts(tmp_path, name):
    folder = tmp_path / name
    folder.mkdir()
    tracker = Tracker.open(resolve_tracking(folder, {}), PARENT, wait_s=60.0)
    tracker.start_trial(0, "net", {"lr": 0.1}, {})
    tracker.log_epoch(0, 1, {"devel/uar": 0.5})
    tracker.finish_trial(0, "complete", {}, {}, {"sub/confusion.csv": "a,b\n"})
    assert tracker.close("finished") is None
    port = free_port()
    server = start_server(folder, port)
    try:
        experiments = [tracker.experiment_id]
        found = post(port, "api/2.0/mlflow/runs/search", experiment_ids=experiments)["runs"]
        assert {run["info"]["run_name"] for run in found} == {"digits", "000 net"}
        run_id = next(r["info"]["run_id"] for r in found if r["info"]["run_name"] == "000 net")
        listed = json.loads(get(port, "api/2.0/mlflow/artifacts/list", run_id=run_id))
        assert listed["files"][0]["path"] == "sub"
        got = get(port, "get-artifact", run_id=run_id, path="sub/confusion.csv")
        assert got == b"a,b\n"
    finally:
        stop_server(server)


def test_writes_catch_up_in_order_when_the_server_was_away(tmp_path, caplog, capsys):
    port = free_port()
    server = start_server(tmp_path, port)
    try:
        tracker = Tracker.open(store_at(f"http://127.0.0.1:{port}", tmp_path), PARENT, wait_s=60.0)
        assert tracker.run_id is not None
        tracker.start_trial(0, "net", {"lr": 0.1}, {})
        tracker.log_epoch(0, 1, {"devel/uar": 0.1})
        time.sleep(2)
        stop_server(server)
        started = time.monotonic()
        for epoch in range(2, 30):
            tracker.log_epoch(0, epoch, {"devel/uar": epoch / 100})
            time.sleep(0.1)
        tracker.finish_trial(0, "complete", {"devel/uar_best": 0.29}, {}, {"c.csv": "a\n"})
        tracker.start_trial(1, "net", {}, {})
        assert time.monotonic() - started < 4  # the study went on
        server = start_server(tmp_path, port)
        assert tracker.close("finished", drain_s=60) is None
        client = open_client(store_at(f"http://127.0.0.1:{port}", tmp_path))
        runs = {run.info.run_name: run for run in client.search_runs([tracker.experiment_id])}
        assert {name: run.info.status for name, run in runs.items()} == {
            "digits": "FINISHED",
            "000 net": "FINISHED",
            "001 net": "KILLED",
        }
        history = client.get_metric_history(runs["000 net"].info.run_id, "devel/uar")
        assert [point.step for point in history] == list(range(1, 30))
        path = client.download_artifacts(runs["000 net"].info.run_id, "c.csv")
        assert Path(path).read_text() == "a\n"
        assert capsys.readouterr().out == ""  # MLflow prints two lines for each run by default
        assert "tracking store away" in caplog.text
        assert "tracking store back" in caplog.text

        again = Tracker.open(store_at(f"http://127.0.0.1:{port}", tmp_path), PARENT, wait_s=60.0)
        again.reconcile([TrackedTrial(1, "net", "failed")])
        assert again.close("finished") is None
        assert client.get_run(runs["001 net"].info.run_id).info.status == "FAILED"
    finally:
        stop_server(server)


def test_a_study_that_starts_while_the_server_is_away_has_its_runs_later(tmp_path):
    port = free_port()
    store = store_at(f"http://127.0.0.1:{port}", tmp_path)
    tracker = Tracker.open(store, PARENT, wait_s=60.0)
    assert tracker.run_id is None
    tracker.start_trial(0, "net", {"lr": 0.1}, {})
    server = start_server(tmp_path, port)
    try:
        tracker.finish_trial(0, "complete", {}, {}, {})
        assert tracker.close("finished", drain_s=60) is None
        assert tracker.run_id is not None
        runs = open_client(store).search_runs([tracker.experiment_id])
        assert sorted(run.info.run_name for run in runs) == ["000 net", "digits"]
    finally:
        stop_server(server)

"""The MLflow server is killed under a study and is back a minute later."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

import pytest

from study.tracking.ui import free_port
from support.attacked import Attacked
from support.mlflow_server import start_server, stop_server

pytestmark = [pytest.mark.faults, pytest.mark.timeout(1200)]

AWAY_S = 60


def test_a_study_goes_on_for_a_minute_without_its_server_which_then_has_everything(
    synthetic, tmp_path, monkeypatch
):
    port = free_port()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{port}")
    study = Attacked(
        tmp_path,
        synthetic,
        budget={"trials": 1000, "hours": 100 / 3600},
        pruning={"enabled": False},
    )
    server = start_server(tmp_path, port)
    try:
        study.start()
        wait_for_trials(study, 3)
        stop_server(server)
        before = finished(study)
        time.sleep(AWAY_S)
        during = finished(study)
        assert study.running, study.log()
        server = start_server(tmp_path, port)
        assert study.finish() == 0, study.log()
        study.check()
        assert curves(tmp_path / "mlflow.db") == {
            f"{number:03d}": result["epochs"] for number, result in study.results().items()
        }
    finally:
        stop_server(server)
    assert during >= before + 10, "the study did not go on"
    said = study.log()
    assert "tracking store away" in said
    assert "tracking store back" in said


def finished(study: Attacked) -> int:
    """Return how many trials have ended."""
    return len(list(study.folder.glob("trials/*/result.json")))


def wait_for_trials(study: Attacked, n: int) -> None:
    """Wait until so many trials have ended."""
    while finished(study) < n:
        assert study.running, study.log()
        time.sleep(0.1)


def curves(database: Path) -> dict[str, int]:
    """Return of each trial's run how many epochs its learning curve has."""
    rows = sqlite3.connect(database).execute(
        "select runs.name, count(*) from metrics join runs using (run_uuid)"
        " where key = 'devel/uar' group by run_uuid"
    )
    return {name[:3]: n for name, n in rows if name[:3].isdigit()}  # and not the fusion

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
import textwrap
import time
from types import SimpleNamespace

import pytest

from search_spaces.grammar.errors import InputError
from study.tracking.store import (
    TrackingStore,
    initialise,
    is_transient,
    open_client,
    resolve_tracking,
    sqlite_path,
    sqlite_uri,
    store_at,
)


def test_without_a_setting_runs_go_to_the_folder_that_a_bare_mlflow_ui_opens(tmp_path):
    store = resolve_tracking(tmp_path, {})
    assert store.tracking_uri == f"sqlite:///{tmp_path}/mlflow.db"
    assert store.artifact_root == f"{tmp_path}/mlartifacts"
    assert not store.is_server


def test_the_setting_wins(tmp_path):
    store = resolve_tracking(tmp_path, {"MLFLOW_TRACKING_URI": " http://127.0.0.1:5000 "})
    assert store == TrackingStore("http://127.0.0.1:5000", None)
    assert store.is_server


def test_a_relative_database_is_noted_with_its_absolute_path(tmp_path):
    store = store_at("sqlite:///runs/m.db", tmp_path)
    assert store.tracking_uri == f"sqlite:///{tmp_path}/runs/m.db"
    assert store.artifact_root == f"{tmp_path}/runs/mlartifacts"
    assert store_at(store.tracking_uri, tmp_path / "elsewhere") == store


def test_the_artifacts_of_a_database_server_go_to_the_folder(tmp_path):
    store = store_at("postgresql+psycopg2://me:secret@db/x", tmp_path)
    assert store.artifact_root == f"{tmp_path}/mlartifacts"
    assert store.label == "postgresql+psycopg2://me:***@db/x"


@pytest.mark.parametrize(
    "uri", ["mlruns", "/data/mlruns", "file:///data/mlruns", "sqlite://", "sqlite:///:memory:"]
)
def test_a_store_that_cannot_work_is_refused_with_its_value(tmp_path, uri):
    with pytest.raises(InputError, match="MLFLOW_TRACKING_URI must") as error:
        store_at(uri, tmp_path)
    assert repr(uri) in str(error.value)


@pytest.mark.parametrize("name", ["нуль", "a\\b", 'a"b', "a^b"])
def test_mlflow_makes_no_folder_of_another_name(tmp_path, empty_database, name):
    """It does where the address of the database has escapes."""
    (tmp_path / name).mkdir()
    shutil.copy(empty_database, tmp_path / name)
    client = open_client(resolve_tracking(tmp_path / name, {}))
    assert [one.name for one in client.search_experiments()] == ["Default"]
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_database_whose_path_is_no_text_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"a\?/mlflow\.db: a database must have a path in UTF-8"):
        resolve_tracking(tmp_path / "a\udcff", {})


@pytest.mark.parametrize("name", ["a b", "a%20b", "a?b", "a#b", "ü", "a&b=c", "a\nb"])
def test_the_path_of_a_database_survives_its_uri(tmp_path, name):
    from sqlalchemy.engine import make_url

    path = tmp_path / name / "mlflow.db"
    assert sqlite_path(sqlite_uri(path)) == path
    assert make_url(sqlite_uri(path)).database == str(path)


def test_runs_of_an_older_mlflow_in_the_folder_are_pointed_out(tmp_path, caplog):
    (tmp_path / "mlruns" / "0").mkdir(parents=True)
    (tmp_path / "mlruns" / "0" / "meta.yaml").touch()
    resolve_tracking(tmp_path, {})
    assert "a bare `mlflow ui` here opens those" in caplog.text


def test_importing_the_tracker_does_not_import_mlflow():
    code = (
        "import sys, study.tracking.tracker, study.tracking.ui; sys.exit('mlflow' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


_INITIALISE = """
    import sys, time
    from pathlib import Path
    from study.tracking.store import find_or_create_experiment, open_client, resolve_tracking
    store = resolve_tracking(Path(sys.argv[1]), {})
    import mlflow
    while time.time() < float(sys.argv[2]):
        time.sleep(0.001)
    client = open_client(store)
    print(find_or_create_experiment(client, store, sys.argv[3]))
"""


def _start(folder, at, experiment):
    arguments = [sys.executable, "-c", textwrap.dedent(_INITIALISE), str(folder), str(at)]
    return subprocess.Popen([*arguments, experiment], stdout=subprocess.PIPE, text=True)


@pytest.mark.slow
def test_two_studies_that_start_into_one_fresh_folder_both_work(tmp_path):
    at = time.time() + 15  # all have imported mlflow by then
    processes = [_start(tmp_path, at, name) for name in ("same", "same", "other")]
    ids = [process.communicate(timeout=120)[0].strip() for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert ids[0] == ids[1] != ids[2]
    assert sorted(path.name for path in tmp_path.iterdir()) == [".mlflow.db.lock", "mlflow.db"]


@pytest.mark.slow
def test_a_process_killed_while_it_makes_the_database_leaves_nothing_half_made(tmp_path):
    process = _start(tmp_path, 0, "first")
    deadline = time.monotonic() + 60
    while not any(p.stat().st_size > 50_000 for p in tmp_path.glob(".mlflow.db.new-*")):
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.005)
    process.kill()
    process.wait()
    assert not (tmp_path / "mlflow.db").exists()

    store = resolve_tracking(tmp_path, {})
    initialise(store)
    with sqlite3.connect(tmp_path / "mlflow.db") as database:
        assert database.execute("select count(*) from experiments").fetchone() == (1,)
    assert not list(tmp_path.glob(".mlflow.db.new-*"))


def mlflow_error(code):
    from mlflow.exceptions import MlflowException
    from mlflow.protos.databricks_pb2 import ErrorCode

    return MlflowException("said so", error_code=ErrorCode.Value(code))


def http_error(status):
    import requests

    return requests.HTTPError(response=SimpleNamespace(status_code=status))


@pytest.mark.parametrize(
    ("code", "passes"),
    [
        ("INTERNAL_ERROR", True),
        ("TEMPORARILY_UNAVAILABLE", True),
        ("REQUEST_LIMIT_EXCEEDED", True),
        ("INVALID_PARAMETER_VALUE", False),
        ("RESOURCE_DOES_NOT_EXIST", False),
        ("INVALID_STATE", False),
        ("PERMISSION_DENIED", False),
        ("BAD_REQUEST", False),
    ],
)
def test_an_answer_of_mlflow_passes_unless_it_is_about_the_request(code, passes):
    assert is_transient(mlflow_error(code)) is passes


@pytest.mark.parametrize(
    ("status", "passes"), [(500, True), (503, True), (429, True), (403, False)]
)
def test_a_failed_upload_passes_unless_it_is_refused(status, passes):
    assert is_transient(http_error(status)) is passes


@pytest.mark.parametrize(
    ("error", "passes"),
    [
        (ConnectionRefusedError(), True),
        (TimeoutError(), True),
        (OSError(28, "No space left on device"), True),
        (FileNotFoundError(), False),
        (PermissionError(), False),
        (TypeError(), False),
        (ValueError(), False),
        (RuntimeError("Detected out-of-date database schema"), False),
    ],
)
def test_other_errors_pass_when_the_machine_is_to_blame(error, passes):
    assert is_transient(error) is passes


def test_a_locked_database_passes():
    import sqlalchemy.exc

    assert is_transient(sqlalchemy.exc.OperationalError("insert", {}, Exception("locked")))

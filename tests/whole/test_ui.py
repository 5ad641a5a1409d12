from __future__ import annotations

import signal
import socket
import subprocess
import sys
import textwrap
import time
import urllib.request

import pytest

from search_spaces.grammar.errors import InputError
from study.tracking import ui
from study.tracking.store import TrackingStore, resolve_tracking


def test_a_study_on_a_server_has_that_servers_interface():
    said = []
    store = TrackingStore("http://me:secret@mlflow.example:5000", None)
    assert ui.serve(store, experiment_id="3", echo=said.append) == 0
    shown = "metrics.%60devel%2Fuar_best%60&orderByAsc=false"
    where = "http://me:***@mlflow.example:5000/#/experiments/3/runs"
    assert said == [f"MLflow: {where}?orderByKey={shown}&workflowType=machine_learning"]


def test_a_port_in_use_is_refused_with_its_number(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match=f"and free, got {port}: Address already"):
            ui.serve(resolve_tracking(tmp_path, {}), port=port)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("port", [-1, 0, 70_000])
def test_a_port_that_does_not_exist_is_refused(tmp_path, port):
    with pytest.raises(
        InputError, match=f"must be from 1 to 65535 and free, got {port}: there is no"
    ):
        ui.serve(resolve_tracking(tmp_path, {}), port=port)


def test_the_address_of_the_store_is_not_on_the_command_line(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(subprocess, "Popen", lambda command, **_: seen.append(command))
    store = TrackingStore("postgresql://me:secret@db/x", str(tmp_path / "mlartifacts"))
    with pytest.raises(AttributeError), ui._server(store, 1):
        pass
    assert "secret" not in " ".join(seen[0])
    assert ui._environment(store)["MLFLOW_BACKEND_STORE_URI"] == store.tracking_uri


@pytest.mark.slow
@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_the_interface_answers_on_loopback_alone_and_ends_with_its_parent(tmp_path, end):
    (tmp_path / "study.py").write_text("raise SystemExit('the wrong study')")
    code = """
        import sys
        from pathlib import Path
        from study.tracking.store import resolve_tracking
        from study.tracking.ui import serve
        store = resolve_tracking(Path(sys.argv[1]), {})
        sys.exit(serve(store, experiment_id="0", echo=lambda line: print(line, flush=True)))
    """
    parent = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout.readline() == "starting MLflow ...\n"
    line = parent.stdout.readline()
    assert line.startswith("MLflow: http://127.0.0.1:")
    address = line.split()[1].partition("/#/")[0]
    with urllib.request.urlopen(f"{address}/", timeout=20) as page:
        assert b"MLflow" in page.read()
    port = int(address.rpartition(":")[2])
    with socket.socket() as outside, pytest.raises(OSError, match="refused"):
        outside.connect(("127.0.0.2", port))
    parent.send_signal(end)
    assert parent.wait(20) == 0
    with socket.socket() as probe, pytest.raises(OSError, match="refused"):
        probe.connect(("127.0.0.1", port))
    time.sleep(0.2)
    left = subprocess.run(["pgrep", "-f", f"--port {port}"], capture_output=True, text=True)
    assert left.stdout == ""


@pytest.mark.slow
def test_a_server_that_does_not_start_is_told_with_what_it_said(tmp_path, monkeypatch):
    monkeypatch.setattr(ui, "initialise", lambda _store: None)
    (tmp_path / "mlflow.db").write_text("this is no database, but a text that is long enough" * 20)
    with pytest.raises(InputError, match=r"(?s)must start at http://127.*file is not a database"):
        ui.serve(resolve_tracking(tmp_path, {}))

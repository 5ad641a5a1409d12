"""A real MLflow server that a test starts and stops."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from study.tracking.store import prepare_environment

__all__ = ["start_server", "stop_server"]


def start_server(folder: Path, port: int) -> subprocess.Popen[bytes]:
    """What a person gets who types `mlflow ui --port PORT` in the folder."""
    prepare_environment()
    hidden = ("MLFLOW_TRACKING_URI", "MLFLOW_BACKEND_STORE_URI", "MLFLOW_ARTIFACTS_DESTINATION")
    environment = {k: v for k, v in os.environ.items() if k not in hidden}
    # Four workers, the default, take a minute to start on a small machine.
    command = [sys.executable, "-P", "-m", "mlflow", "ui", "--port", str(port), "--workers", "1"]
    process = subprocess.Popen(
        command,
        cwd=folder,
        env={**environment, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5).close()
            return process
        time.sleep(0.2)
    raise AssertionError("the server did not start")


def stop_server(process: subprocess.Popen[bytes]) -> None:
    """Kill a server and its workers."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(20)

"""`spectune ui`: MLflow's interface on the store of a study, for this machine only."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import IO
from urllib.parse import quote

from search_spaces.grammar.errors import InputError
from study.tracking.store import TrackingStore, initialise, prepare_environment

HOST = "127.0.0.1"
_PATIENCE = 600.0  # seconds until the server must answer; minutes on a machine that is busy
_TAIL = 2000  # characters of the server's output that are shown when it does not start


def serve(
    store: TrackingStore,
    *,
    port: int | None = None,
    experiment_id: str | None = None,
    echo: Callable[[str], None] = print,
) -> int:
    """Show the runs in MLflow's interface until Ctrl-C.

    Where the study is tracked by a server, only that server's address is printed.

    Args:
        store: The study's store.
        port: Where to listen on the loopback interface; by default a free port.
        experiment_id: The experiment whose page the printed address opens.
        echo: Prints a line.

    Returns:
        The exit code: 0, or 1 when the server ended by itself.

    Raises:
        InputError: The port cannot be listened on, or the server does not start.
    """
    if store.is_server:
        echo(f"MLflow: {page(store.label, experiment_id)}")
        return 0
    if port is not None and (fault := _port_fault(port)) is not None:
        raise InputError(f"the port must be from 1 to 65535 and free, got {port}: {fault}")
    chosen = free_port() if port is None else port
    address = f"http://{HOST}:{chosen}"
    echo("starting MLflow ...")
    initialise(store)
    with _terminate_like_ctrl_c(), _server(store, chosen) as (process, output):
        try:
            _wait_until_up(process, output, address)
            echo(f"MLflow: {page(address, experiment_id)}  (Ctrl-C stops it)")
            process.wait()
        except KeyboardInterrupt:
            return 0
    return 1


def page(address: str, experiment_id: str | None) -> str:
    """The address of an experiment's runs, the best trial first.

    Sorted so, MLflow lists trials; by default it folds them into the study's run, and shows what
    language models need in place of runs and models.

    >>> page("http://127.0.0.1:5000/", "3").partition("?")[0]
    'http://127.0.0.1:5000/#/experiments/3/runs'
    """
    base = address.rstrip("/")
    order = f"orderByKey={quote('metrics.`devel/uar_best`', safe='')}&orderByAsc=false"
    shown = f"{order}&workflowType=machine_learning"
    return base if experiment_id is None else f"{base}/#/experiments/{experiment_id}/runs?{shown}"


def free_port() -> int:
    """A port of the loopback interface that nothing listens on."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _port_fault(port: int) -> str | None:
    """Return why nothing can listen on a port; None where it can."""
    if not 1 <= port <= 65535:
        return "there is no such port"
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:  # something listens already, or a low one is the system's
            return error.strerror
    return None


def _environment(store: TrackingStore) -> dict[str, str]:
    """The server's environment; the store is named here, since `ps` shows command lines."""
    prepare_environment()
    return {
        **os.environ,
        "MLFLOW_BACKEND_STORE_URI": store.tracking_uri,
        "MLFLOW_ARTIFACTS_DESTINATION": str(store.artifact_root),
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # no further processes
        "PYTHONSAFEPATH": "1",  # a `study.py` in the folder is not ours
    }


@contextlib.contextmanager
def _server(store: TrackingStore, port: int) -> Iterator[tuple[subprocess.Popen[bytes], IO[bytes]]]:
    """MLflow's server in a process group of its own, which ends with this block."""
    where = ["--host", HOST, "--port", str(port), "--workers", "1"]
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "mlflow", "server", *where],
            env=_environment(store),
            cwd=Path(store.artifact_root or ".").parent,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C reaches us alone, and we end the whole group
        )
        try:
            yield process, output
        finally:
            _end_group(process)


def _end_group(process: subprocess.Popen[bytes]) -> None:
    for sent in (signal.SIGTERM, signal.SIGKILL):  # the second also for what outlived the leader
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, sent)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(5.0)


def _wait_until_up(process: subprocess.Popen[bytes], output: IO[bytes], address: str) -> None:
    deadline = time.monotonic() + _PATIENCE
    while process.poll() is None and time.monotonic() < deadline:
        if _answers(f"{address}/health"):
            return
        time.sleep(0.2)
    output.seek(0)
    message = output.read().decode(errors="replace")[-_TAIL:].strip()
    raise InputError(f"MLflow's interface must start at {address}, but it said:\n{message}")


def _answers(url: str) -> bool:
    with (
        contextlib.suppress(OSError),  # urllib's errors are ones
        urllib.request.urlopen(url, timeout=5) as answer,
    ):
        return bool(answer.status == 200)
    return False


@contextlib.contextmanager
def _terminate_like_ctrl_c() -> Iterator[None]:
    """SIGTERM ends us as Ctrl-C does, so that the server is never left behind."""

    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    try:
        before = signal.signal(signal.SIGTERM, interrupt)
    except ValueError:  # not the main thread, where signals cannot be caught
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)

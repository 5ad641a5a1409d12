"""One coordinator per study: an flock, and a lease for file systems where flock is weak."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import socket
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from search_spaces.errors import InputError

__all__ = ["StudyLock"]

HEARTBEAT_S = 10.0
STALE_S = 60.0  # a lease of another host that is older counts for nothing


class StudyLock:
    """Holds a study folder while a coordinator writes it.

    The flock dies with its process, so a crash never leaves it. The lease is for another host on
    a network file system, where an flock may be local: host, pid and a heartbeat.

    Args:
        folder: The study's.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / ".lock"
        self._file: IO[str] | None = None
        self._done = threading.Event()

    def __enter__(self) -> StudyLock:
        file = self.path.open("a+")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            file.close()
            raise InputError(self._refusal(self._lease())) from error
        lease = self._lease()
        fresh = time.time() - float(lease.get("heartbeat", 0)) < STALE_S
        if lease.get("host", socket.gethostname()) != socket.gethostname() and fresh:
            file.close()
            raise InputError(self._refusal(lease))
        self._file = file
        self._beat()
        threading.Thread(target=self._keep_beating, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._done.set()
        if self._file is not None:
            self._file.truncate(0)
            self._file.close()
            self._file = None

    def _refusal(self, lease: dict[str, Any]) -> str:
        who = f"process {lease.get('pid', '?')} on {lease.get('host', '?')}"
        return (
            f"{self.path.parent}: is being run by {who}; wait for it, or stop it"
            f" (one study has one coordinator)"
        )

    def _lease(self) -> dict[str, Any]:
        with contextlib.suppress(OSError, ValueError):
            plain = json.loads(self.path.read_text())
            if isinstance(plain, dict):
                return plain
        return {}

    def _beat(self) -> None:
        if self._file is None:
            return
        lease = {"host": socket.gethostname(), "pid": os.getpid(), "heartbeat": time.time()}
        with contextlib.suppress(OSError, ValueError):  # a full disk must not end the study
            self._file.seek(0)
            self._file.truncate()
            self._file.write(json.dumps(lease))
            self._file.flush()

    def _keep_beating(self) -> None:
        while not self._done.wait(HEARTBEAT_S):
            self._beat()

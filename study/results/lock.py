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
from typing import IO, Any

from search_spaces.grammar.bounded_file import check_bounded
from search_spaces.grammar.errors import InputError
from study.files import number, read_object
from study.results.links import check_links

RUN = "run"
HEARTBEAT_S = 10.0
LOCK = ".lock"
ASKING_S = (0.01, 0.02, 0.05)  # pauses between tries to take the lock
STALE_S = 60.0  # a lease of another host that is older, or as far ahead, counts for nothing
MAX_BYTES = 10_000


class StudyLock:
    """Holds a study folder while a coordinator writes it.

    The flock dies with its process, so a crash never leaves it. The lease is for another host on
    a network file system, where an flock may be local: host, pid and a heartbeat.

    Args:
        folder: The study's.
        purpose: The command that holds it, for whoever asks.
    """

    def __init__(self, folder: Path, *, purpose: str = RUN) -> None:
        self.path = folder / LOCK
        self.purpose = purpose
        self._file: IO[str] | None = None
        self._done = threading.Event()

    def __enter__(self) -> StudyLock:
        _check(self.path)
        check_links(self.path.parent)
        file = self.path.open("a+")
        if not _take(file):
            file.close()
            raise InputError(self._refusal(_lease(self.path)))
        lease = _lease(self.path)
        fresh = abs(time.time() - (number(lease.get("heartbeat")) or 0.0)) < STALE_S
        if lease.get("host", socket.gethostname()) != socket.gethostname() and fresh:
            file.close()
            raise InputError(self._refusal(lease))
        self._file = file
        self._beat()
        threading.Thread(target=self._keep_beating, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        if self._file is not None:
            self._file.truncate(0)
            self._file.close()
            self._file = None

    def _refusal(self, lease: dict[str, Any]) -> str:
        purpose = lease.get("purpose", RUN)
        what = "being run" if purpose == RUN else f"held for `spectune {purpose}`"
        return (
            f"{self.path.parent}: is {what} by process {lease.get('pid', '?')} on"
            f" {lease.get('host', '?')}; wait for it, or stop it (one study has one coordinator)"
        )

    def _beat(self) -> None:
        if self._file is None:
            return
        lease = {
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "purpose": self.purpose,
            "heartbeat": time.time(),
        }
        with contextlib.suppress(OSError, ValueError):  # a full disk must not end the study
            self._file.seek(0)
            self._file.truncate()
            self._file.write(json.dumps(lease))
            self._file.flush()

    def _keep_beating(self) -> None:
        while not self._done.wait(HEARTBEAT_S):
            self._beat()


def _take(file: IO[str]) -> bool:
    """Take the lock, unless somebody has it for longer than `holder`, which only asks."""
    for wait in (0.0, *ASKING_S):
        time.sleep(wait)
        with contextlib.suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
    return False


def holder(folder: Path) -> str | None:
    """Return the command that holds a study's lock (`run`, `explain`), or None."""
    _check(folder / LOCK)
    try:
        with (folder / LOCK).open(encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return None
    except OSError:
        return str(_lease(folder / LOCK).get("purpose", RUN))
    return None


def held_here(folder: Path) -> bool:
    """Whether it is this process that holds a study's lock, or was the last to."""
    lease = _lease(folder / LOCK)
    return (lease.get("host"), lease.get("pid")) == (socket.gethostname(), os.getpid())


def _check(path: Path) -> None:
    """Check that the lock may be opened: no pipe, and no link to a file that it would empty.

    Raises:
        InputError: It may not.
    """
    if path.is_symlink():
        raise InputError(f"{path}: must be a regular file, got a link; delete it")
    with contextlib.suppress(FileNotFoundError):
        check_bounded(path, MAX_BYTES)


def _lease(path: Path) -> dict[str, Any]:
    """What the lock says of its holder; nothing where that is no JSON."""
    with contextlib.suppress(InputError):
        return read_object(path, MAX_BYTES)
    return {}

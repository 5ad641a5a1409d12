"""Looking into many audio files at once, in subprocesses that may crash or hang."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from runners.cores import n_cores
from study.checking.facts import FACTS, Segment, without_facts

__all__ = ["WORKER", "look_into"]

WORKER = (sys.executable, "-P", "-m", "study.checking.check_worker")


def look_into(
    files: Sequence[tuple[Path, Sequence[Segment]]],
    *,
    seconds_per_file: float = 60.0,
    command: Sequence[str] = WORKER,
) -> Generator[NDArray[np.void], None, None]:
    """Yield the rows of ``FACTS`` of each file's segments, in the order of ``files``.

    A file that ends its process, or takes longer than ``seconds_per_file``, gets rows that say so,
    and the next one a new process.

    Raises:
        RuntimeError: The worker does not start at all.
    """
    arguments = [*command, repr(seconds_per_file)]
    own = threading.local()
    started: list[_Worker] = []

    def one(file: tuple[Path, Sequence[Segment]]) -> NDArray[np.void]:
        worker: _Worker | None = getattr(own, "worker", None)
        if worker is None or not worker.alive:
            worker = own.worker = _Worker(arguments)
            started.append(worker)
        return worker.look(*file, seconds_per_file)

    pool = ThreadPoolExecutor(min(n_cores(), max(len(files), 1)), thread_name_prefix="check")
    waiting: list[Future[NDArray[np.void]]] = []
    try:
        waiting = [pool.submit(one, file) for file in files]
        for future in waiting:
            yield future.result()
    finally:
        for future in waiting:
            future.cancel()
        for worker in started:
            worker.stop()
        pool.shutdown()
        for worker in started:  # one may have started while the others were stopped
            worker.stop()


class _Worker:
    """One process, used by one thread."""

    def __init__(self, arguments: Sequence[str]) -> None:
        pipe = subprocess.PIPE
        # One thread each: there is one process per core already.
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        self._process = subprocess.Popen(
            arguments, stdin=pipe, stdout=pipe, stderr=pipe, env=environment
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._in, self._out = self._process.stdin, self._process.stdout
        self._err = self._process.stderr
        self.alive = self._out.readline() == b"ready\n"
        if not self.alive:
            said = self._err.read().decode(errors="replace").strip()
            self.stop()
            raise RuntimeError(f"{' '.join(arguments)} does not start: {said[-500:]}")

    def look(self, path: Path, segments: Sequence[Segment], limit: float) -> NDArray[np.void]:
        try:
            self._in.write(json.dumps([os.fspath(path), list(segments)]).encode() + b"\n")
            self._in.flush()
            size = int(self._out.readline() or b"none")
            data = self._out.read(size)
            if len(data) == size:
                return np.frombuffer(data, FACTS)
        except (OSError, ValueError):
            pass  # it died; what it died of is said below
        self.alive = False
        code = self._process.wait()
        if hasattr(signal, "SIGALRM") and code == -signal.SIGALRM:
            return without_facts(f"takes longer than {limit:g} s to decode", len(segments))
        died = f"exit code {code}"
        with contextlib.suppress(ValueError):
            died = signal.Signals(-code).name
        return without_facts(f"crashes the decoder ({died})", len(segments))

    def stop(self) -> None:
        self.alive = False
        self._process.kill()
        self._process.wait()
        for pipe in (self._in, self._out, self._err):
            with contextlib.suppress(OSError):
                pipe.close()

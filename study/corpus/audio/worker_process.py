"""A worker process that may crash or hang on a request: both ends of its pipes.

A request is JSON, several a line; an answer is a line of JSON with the number of `bytes` behind it.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import Any

Answer = tuple[dict[str, Any], bytes]


class WorkerProcess:
    """A worker process, used by one thread.

    Args:
        arguments: Its command line, a program that calls `serve`.
        limit: The seconds that it was given for a request, for the message.

    Raises:
        RuntimeError: It does not start.
    """

    def __init__(self, arguments: Sequence[str], limit: float) -> None:
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
        self._limit = limit
        self.alive = self._out.readline() == b"ready\n"
        if not self.alive:
            message = self._process.stderr.read().decode(errors="replace").strip()
            self.stop()
            raise RuntimeError(f"{' '.join(arguments)} does not start: {message[-500:]}")

    def ask(self, requests: Sequence[Any]) -> None:
        """Send requests; each is answered in turn."""
        with contextlib.suppress(OSError):  # it died; the answer says so
            self._in.write(json.dumps(requests).encode() + b"\n")
            self._in.flush()

    def answer(self) -> Answer | str:
        """Return the next answer; what that request did to the process where it has died."""
        with contextlib.suppress(OSError, ValueError):  # it died; of what is found out below
            head = json.loads(self._out.readline())
            data = self._out.read(head["bytes"])
            if len(data) == head["bytes"]:
                return head, data
        self.alive = False
        code = self._process.wait()
        if hasattr(signal, "SIGALRM") and code == -signal.SIGALRM:
            return f"takes longer than {self._limit:g} s to decode"
        with contextlib.suppress(ValueError):
            return f"crashes the decoder ({signal.Signals(-code).name})"
        return f"crashes the decoder (exit code {code})"

    def kill(self) -> None:
        """End the process; whoever waits for an answer learns of it."""
        self._process.kill()

    def stop(self) -> None:
        """End the process and let go of its pipes."""
        self.alive = False
        self.kill()
        self._process.wait()
        for pipe in (self._in, self._out, self._process.stderr):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()


def serve(answer: Callable[[Any], tuple[dict[str, Any], Any]], limit: float) -> None:
    """Answer requests on standard input until it closes: what a worker process does.

    Args:
        answer: Returns for a request what the line of JSON holds, and the buffer to send behind it.
        limit: Seconds after which a request ends the process (POSIX only).
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends us by closing the pipe
    out = sys.stdout.buffer
    out.write(b"ready\n")
    out.flush()
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # MP3 decoders chat, and nobody reads it
    for line in sys.stdin.buffer:
        for request in json.loads(line):
            _set_alarm(limit)
            head, data = answer(request)
            _set_alarm(0)  # while it writes, the reader may let it wait
            size = memoryview(data).nbytes
            out.write(json.dumps({**head, "bytes": size}).encode() + b"\n")
            out.write(data)
            out.flush()


def _set_alarm(seconds: float) -> None:
    if hasattr(signal, "setitimer"):  # SIGALRM's default action ends even a hung C library
        signal.setitimer(signal.ITIMER_REAL, seconds)

"""One decoder: a program of its own that may crash or hang, and what it says of a file."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

__all__ = ["Decoded", "DecoderProcess", "Segment"]

Segment = tuple[float | None, float | None]  # start and end in seconds; None: of the file


@dataclass(frozen=True, eq=False)
class Decoded:
    """One decoded file, or a part of it.

    Attributes:
        samples: int16 of shape ``(samples,)``; ``waveform = samples * scale``.
        scale: See :class:`runners.clips.Clips`.
        stamp: Size in bytes and modification time in ns of the file that was read.
    """

    samples: NDArray[np.int16]
    scale: float
    stamp: tuple[int, int]


class DecoderProcess:
    """One decoder process, used by one thread."""

    def __init__(self, arguments: Sequence[str]) -> None:
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(arguments, stdin=pipe, stdout=pipe, stderr=pipe)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._in, self._out = self._process.stdin, self._process.stdout
        self.alive = self._out.readline() == b"ready\n"
        if not self.alive:
            said = self._process.stderr.read().decode(errors="replace").strip()
            self.stop()
            raise RuntimeError(f"the decoder {' '.join(arguments)} does not start: {said[-500:]}")

    def ask(self, items: Sequence[tuple[Path, Segment]]) -> None:
        """Send what is to be decoded; each is answered in turn."""
        requests = [[os.fspath(path), *segment] for path, segment in items]
        with contextlib.suppress(OSError):  # it died; the answer says so
            self._in.write(json.dumps(requests).encode() + b"\n")
            self._in.flush()

    def answer(self, limit: float) -> Decoded | str:
        """Return what became of the next of what was asked; a death is the fault of that one."""
        try:
            head = json.loads(self._out.readline())
            if "fault" in head:
                return str(head["fault"])
            data = self._out.read(2 * head["n"])
            if len(data) == 2 * head["n"]:
                samples = np.frombuffer(data, np.int16)
                return Decoded(samples, head["scale"], (head["size"], head["mtime_ns"]))
        except (OSError, json.JSONDecodeError):
            pass  # it died; what it died of is said below
        self.alive = False
        code = self._process.wait()
        if hasattr(signal, "SIGALRM") and code == -signal.SIGALRM:
            return f"one that takes longer than {limit:g} s to decode"
        with contextlib.suppress(ValueError):
            return f"one that crashes the decoder ({signal.Signals(-code).name})"
        return f"one that crashes the decoder (exit code {code})"

    def kill(self) -> None:
        """End the process; whoever waits for an answer is told."""
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

"""Audio files to int16 waveforms, in subprocesses that may crash or hang.

A decoder is a program of its own (``study.decoder``). A process that dies takes one file with it;
its successor goes on with the next.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "DECODER",
    "Decoded",
    "Segment",
    "decode_files",
    "n_cores",
]

DECODER = (sys.executable, "-P", "-m", "study.decoder")
_AHEAD = 32  # files decoded ahead of the one that is waited for
_MOST_BYTES = 1 << 27  # of decoded audio held ahead; with the above this bounds the memory


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


def n_cores() -> int:
    """CPU cores this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on every system
        return os.cpu_count() or 1


def decode_files(
    paths: Sequence[Path],
    sampling_rate: int,
    *,
    segments: Sequence[Segment] | None = None,
    workers: int | None = None,
    seconds_per_file: float = 60.0,
    command: Sequence[str] = DECODER,
) -> Generator[Decoded | str, None, None]:
    """Decode files in parallel subprocesses; yields in the order of ``paths``.

    Args:
        paths: Audio files; a file with several segments is given once for each. A decoder keeps its
            last file open and reads a segment alone, so that a long file is not decoded anew.
        sampling_rate: Hz, of what is yielded.
        segments: The part of each file; whole files when None.
        workers: Decoders at a time; all cores when None.
        seconds_per_file: A decoder that needs longer is killed (POSIX only).
        command: The decoder's command line, for tests.

    Yields:
        A :class:`Decoded`, or what is wrong with the file as the end of a sentence.

    Raises:
        RuntimeError: A decoder does not start at all.
    """
    arguments = [*command, str(sampling_rate), repr(seconds_per_file)]
    own = threading.local()
    started: list[_Decoder] = []
    ahead = _Ahead()

    def one(position: int, path: Path, segment: Segment) -> Decoded | str:
        ahead.wait(position)
        decoder: _Decoder | None = getattr(own, "decoder", None)
        if decoder is None or not decoder.alive:
            decoder = own.decoder = _Decoder(arguments)
            started.append(decoder)
        decoded = decoder.decode(path, segment, seconds_per_file)
        ahead.put(_size(decoded))
        return decoded

    def take() -> Decoded | str:
        decoded = waiting.popleft().result()
        ahead.take(_size(decoded))
        return decoded

    workers = min(workers or n_cores(), max(len(paths), 1))
    pool = ThreadPoolExecutor(workers, thread_name_prefix="decode")
    waiting: deque[Future[Decoded | str]] = deque()
    items = zip(paths, segments or [(None, None)] * len(paths), strict=True)
    try:
        for position, (path, segment) in enumerate(items):
            waiting.append(pool.submit(one, position, path, segment))
            if len(waiting) > workers + _AHEAD:
                yield take()
        while waiting:
            yield take()
    finally:
        for future in waiting:
            future.cancel()
        ahead.stop()
        for decoder in started:
            decoder.stop()
        pool.shutdown()
        for decoder in started:  # one may have started while the others were stopped
            decoder.stop()


def _size(decoded: Decoded | str) -> int:
    return 0 if isinstance(decoded, str) else decoded.samples.nbytes


class _Ahead:
    """How much is decoded and not taken yet: decoders wait while it is too much.

    The one that is taken next never waits, or nothing would go on.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._held = 0
        self._next = 0
        self._stopped = False

    def wait(self, position: int) -> None:
        with self._changed:
            self._changed.wait_for(
                lambda: self._held < _MOST_BYTES or position <= self._next or self._stopped
            )

    def put(self, size: int) -> None:
        with self._changed:
            self._held += size

    def take(self, size: int) -> None:
        with self._changed:
            self._held -= size
            self._next += 1
            self._changed.notify_all()

    def stop(self) -> None:
        with self._changed:
            self._stopped = True
            self._changed.notify_all()


class _Decoder:
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

    def decode(self, path: Path, segment: Segment, limit: float) -> Decoded | str:
        try:
            self._in.write(json.dumps([os.fspath(path), *segment]).encode() + b"\n")
            self._in.flush()
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

    def stop(self) -> None:
        self.alive = False
        self._process.kill()
        self._process.wait()
        for pipe in (self._in, self._out, self._process.stderr):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()

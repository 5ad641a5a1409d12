"""A worker process: keeps device, corpus and imports warm, runs one attempt after the other.

It speaks JSON lines, commands on standard input and events on standard output. When its input
ends, the coordinator is gone, and it ends at once: a leftover worker would train beside its
replacement. Started by `runners.engines.local` as `python -m runners.engines.worker`.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import queue
import socket
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

HEARTBEAT_S = 5.0


class Channel:
    """The two ends of the worker's conversation.

    Takes standard output for itself: whatever a library prints goes to standard error.
    """

    def __init__(self) -> None:
        self._out = os.fdopen(os.dup(1), "w", buffering=1)
        os.dup2(2, 1)
        self._write = threading.Lock()
        self.commands: queue.Queue[dict[str, Any]] = queue.Queue()
        self.verdicts: queue.Queue[dict[str, Any]] = queue.Queue()
        threading.Thread(target=self._read, args=(sys.stdin,), daemon=True).start()

    def _read(self, lines: TextIO) -> None:
        for line in lines:
            command = json.loads(line)
            (self.verdicts if command["op"] == "verdict" else self.commands).put(command)
        os._exit(0)  # the coordinator is gone

    def send(self, event: dict[str, Any]) -> None:
        """Send one event."""
        with self._write:
            try:
                self._out.write(json.dumps(event) + "\n")
                self._out.flush()
            except OSError:
                os._exit(0)


def main() -> None:
    """Serve until the input ends."""
    channel = Channel()
    worker = Worker(channel)
    while True:
        worker.run(channel.commands.get())


class Worker:
    """Runs jobs; keeps the corpus on the device from one to the next."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self._held: tuple[str, str] | None = None
        self._task: Any = None
        self._waveforms: Any = None
        self._beat = 0.0

    def run(self, command: dict[str, Any]) -> None:
        """Run one job and send its events; a fault becomes a `failed` event."""
        plain, slot = command["job"], command["slot"]
        identity = {"number": plain["number"], "attempt": plain["attempt"]}

        def report(event: dict[str, Any]) -> None:
            self.channel.send(event | identity)

        host = {"slot": slot, "pid": os.getpid(), "host": socket.gethostname()}
        report({"event": "start", "device": command["device"], **host})
        with log_file(Path(plain["folder"]) / "log.txt"):
            try:
                report(self._run(plain, command, report))
            except Exception as error:  # whatever it is, the study must hear of it and go on
                with contextlib.suppress(OSError):  # the log may be what there is no room for
                    traceback.print_exc()
                from runners.faults import fault_kind, reason_of

                report({"event": "failed", "kind": fault_kind(error), "reason": reason_of(error)})
        self._free()

    def _run(self, plain: dict[str, Any], command: dict[str, Any], report: Any) -> dict[str, Any]:
        from runners.device import choose_compute, set_threads
        from runners.evaluation import forget_peak_memory
        from runners.job import Job
        from runners.trial import run_trial

        set_threads(command["threads"])
        compute = choose_compute(command["device"])
        job = Job.from_dict(plain)
        print(f"trial {job.number}, attempt {job.attempt}: {job.spec.label}; {compute.reason}")
        print(json.dumps(job.to_dict()), flush=True)
        self._hold(job.task, compute.device)
        forget_peak_memory(compute.device)

        def verdict(epoch: int) -> bool:
            while True:
                answer = self.channel.verdicts.get()
                if (answer["number"], answer["epoch"]) == (job.number, epoch):
                    return bool(answer["prune"])

        def alive() -> None:
            now = time.monotonic()
            if now - self._beat > HEARTBEAT_S:
                self._beat = now
                report({"event": "alive"})

        return run_trial(
            job, self._task, self._waveforms, compute, report=report, verdict=verdict, alive=alive
        )

    def _hold(self, task_file: str, device: Any) -> None:
        """Load task and corpus, unless they are held already."""
        from runners.clips import Clips
        from runners.job import Task
        from runners.waveforms import Waveforms

        if self._held == (task_file, str(device)):
            return
        self._task = Task.read(Path(task_file))
        self._waveforms = Waveforms(
            Clips.open(Path(self._task.cache)),
            device=device,
            clip_seconds=self._task.clip_seconds,
            pad=self._task.pad,
        )
        self._held = (task_file, str(device))

    @staticmethod
    def _free() -> None:
        """Give back what the last trial held."""
        import gc

        import torch

        gc.collect()
        # Within a trial what is freed is kept (`MALLOC_TRIM_THRESHOLD_`); only glibc knows of it.
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if os.name == "posix" else None
        if trim is not None:
            trim(0)
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


@contextlib.contextmanager
def log_file(path: Path) -> Iterator[None]:
    """Send standard output and error, also those of C code, to a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    kept = os.dup(1), os.dup(2)
    with path.open("a", encoding="utf-8") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        for saved, fd in zip(kept, (1, 2), strict=True):
            os.dup2(saved, fd)
            os.close(saved)


if __name__ == "__main__":
    main()

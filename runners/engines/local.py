"""The engine on this machine: one warm worker process per slot."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from runners.device import threads_of_slot
from runners.engines.engine import Event
from runners.job import Job

LAST = ("done", "failed")
# Faults after which a process is of no use: what memory is left lies in pieces, and an error of
# CUDA other than that leaves a context in which nothing works. A new one has all.
SPOILING = ("memory", "error")


class Slot:
    """A worker process, started when it is first needed and again after it died."""

    def __init__(
        self,
        index: int,
        device: str,
        threads: int,
        events: queue.Queue[tuple[Slot, int, Event | None]],
    ) -> None:
        self.index = index
        self.device = device
        self.threads = threads
        self.job: Job | None = None
        self.heard = 0.0
        self.process: subprocess.Popen[str] | None = None
        self.generation = 0
        self._events = events

    def submit(self, job: Job) -> None:
        """Give the worker a job."""
        self.job = job
        self.heard = time.monotonic()
        if self.process is None or self.process.poll() is not None:
            self._start(Path(job.folder))
        self.send({
            "op": "run", "job": job.to_dict(), "slot": self.index,
            "device": self.device, "threads": self.threads,
        })  # fmt: skip

    def send(self, command: dict[str, object]) -> None:
        """Send a command; that a worker is gone shows by its closed output."""
        assert self.process is not None
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(json.dumps(command) + "\n")
            self.process.stdin.flush()
        except (BrokenPipeError, OSError):
            pass

    def kill(self) -> None:
        """End the worker at once."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            for pipe in (self.process.stdin, self.process.stdout):
                if pipe is not None:
                    pipe.close()
        self.process = None
        self.job = None

    def _start(self, folder: Path) -> None:
        job = self.job
        self.kill()  # what is left of an earlier process; the job stays
        self.job = job
        self.generation += 1
        folder.mkdir(parents=True, exist_ok=True)
        # The packages by their own place, and not the current folder: a user may have a study.py.
        packages = str(Path(__file__).resolve().parents[2])
        path = os.pathsep.join(filter(None, [packages, os.environ.get("PYTHONPATH")]))
        environment = {
            **os.environ,
            "PYTHONSAFEPATH": "1",
            "PYTHONPATH": path,
            "PYTHONUNBUFFERED": "1",
            "PYTHONIOENCODING": "utf-8:backslashreplace",
            # A waiting thread spins briefly, then sleeps: as fast alone, and 3 times faster
            # than the default where something else wants the cores (docs/log.md).
            "GOMP_SPINCOUNT": os.environ.get("GOMP_SPINCOUNT", "10000"),
            # Memory that a step frees is kept for the next one, not given back and faulted in anew.
            "MALLOC_TRIM_THRESHOLD_": os.environ.get("MALLOC_TRIM_THRESHOLD_", str(2**30)),
            "MALLOC_MMAP_THRESHOLD_": os.environ.get("MALLOC_MMAP_THRESHOLD_", str(2**30)),
            "OMP_NUM_THREADS": str(self.threads),
            "MKL_NUM_THREADS": str(self.threads),
        }
        with (folder / "log.txt").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-m", "runners.engines.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=environment,
                encoding="utf-8",
                start_new_session=True,  # Ctrl-C is the coordinator's to handle
            )
        assert self.process.stdout is not None
        reader = threading.Thread(
            target=self._read, args=(self.process.stdout, self.generation), daemon=True
        )
        reader.start()

    def _read(self, lines: IO[str], generation: int) -> None:
        try:
            for line in lines:
                self._events.put((self, generation, json.loads(line)))
        except ValueError:  # closed by kill(), or a line cut short by it
            pass
        self._events.put((self, generation, None))


class LocalEngine:
    """Worker processes on this machine; see `runners.engines.engine.Engine`.

    Args:
        devices: The device of each slot.
        threads: CPU threads of each worker; None divides the cores.
        hang_s: A worker without a sign of life for so long is killed and reported `lost`.
    """

    def __init__(
        self, devices: Sequence[str], *, threads: int | None = None, hang_s: float = 600.0
    ) -> None:
        share = threads or threads_of_slot(len(devices))
        self._events: queue.Queue[tuple[Slot, int, Event | None]] = queue.Queue()
        self.slots = [Slot(i, d, share, self._events) for i, d in enumerate(devices)]
        self.hang_s = hang_s

    @property
    def free(self) -> int:
        """Number of slots without an attempt."""
        return sum(slot.job is None for slot in self.slots)

    def submit(self, job: Job) -> None:
        """Start an attempt in the first free slot."""
        next(slot for slot in self.slots if slot.job is None).submit(job)

    def poll(self, timeout: float) -> list[Event]:
        """Return what has happened, waiting up to `timeout` seconds for the first."""
        found: list[Event] = []
        deadline = time.monotonic() + timeout
        while True:
            wait = 0.0 if found else max(0.0, deadline - time.monotonic())
            try:
                slot, generation, event = self._events.get(timeout=wait or None, block=wait > 0)
            except queue.Empty:
                break
            if generation == slot.generation:
                found += self._take(slot, event)
        return found + self._hanging()

    def _take(self, slot: Slot, event: Event | None) -> list[Event]:
        if event is None:
            code = slot.process.wait() if slot.process else None
            how = f"was killed by signal {-code}" if code and code < 0 else f"ended with {code}"
            return self._lost(slot, f"its worker {how}")
        slot.heard = time.monotonic()
        if event["event"] in LAST:
            slot.job = None
            if event.get("kind") in SPOILING:
                slot.kill()
        return [] if event["event"] == "alive" else [event]

    def _lost(self, slot: Slot, reason: str) -> list[Event]:
        job, slot.job = slot.job, None
        slot.kill()
        if job is None:
            return []
        lost = {"event": "lost", "number": job.number, "attempt": job.attempt, "reason": reason}
        return [lost]

    def _hanging(self) -> list[Event]:
        now = time.monotonic()
        silent = [s for s in self.slots if s.job is not None and now - s.heard > self.hang_s]
        return [
            event
            for slot in silent
            for event in self._lost(slot, f"no sign of life for {self.hang_s:g} s")
        ]

    def answer(self, number: int, *, epoch: int, prune: bool) -> None:
        """Send an attempt the decision at its rung: go on or stop."""
        for slot in self.slots:
            if slot.job is not None and slot.job.number == number:
                slot.send({"op": "verdict", "number": number, "epoch": epoch, "prune": prune})

    def fetch(self, number: int, name: str) -> bytes:
        """Refuse: local attempts write where they are kept, so nothing is ever fetched."""
        raise FileNotFoundError(f"trial {number} left no {name}")

    def stop(self, number: int | None = None) -> None:
        """Stop one attempt, or all of them and their processes."""
        for slot in self.slots:
            if number is None or (slot.job is not None and slot.job.number == number):
                slot.kill()

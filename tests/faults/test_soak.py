"""Long runs: memory, open files, processes and time per trial stay flat. `make soak` alone."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import signal
import statistics
import threading
import time
from pathlib import Path

import pytest

from support.attacked import Attacked

TRIALS = int(os.environ.get("SPECTUNE_SOAK_TRIALS", "500"))
SESSIONS = int(os.environ.get("SPECTUNE_SOAK_SESSIONS", "50"))

pytestmark = [pytest.mark.soak, pytest.mark.timeout(6 * 3600)]

QUICK = {
    "spectrogram": {"hop_ms": 64},
    "scale": {"mel": {"n_bands": [16, 24]}, "linear": {"n_bands": 16}},
    "backbone": "test_resnet",
    "optimizer": {"adamw": {"lr": {"low": 1e-3, "high": 1e-2, "log": True}}},
    "recipe": {"epochs": 1, "batch": 32},
    "baselines": {},
}


def memory_mb(pid: int) -> float:
    """Resident memory of a process."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


def watch(study: Attacked, done: threading.Event, seen: list[dict[str, float]]) -> None:
    """Note memory and open files of coordinator and worker every few seconds."""
    while not done.wait(5):
        finished = len(list(study.folder.glob("trials/*/result.json")))
        for pid in study.processes():
            with contextlib.suppress(OSError):
                what = (
                    "worker" if pid in study.processes("runners.engines.worker") else "coordinator"
                )
                files = len(list(Path(f"/proc/{pid}/fd").iterdir()))
                seen.append(
                    {"trials": finished, "what": what, "mb": memory_mb(pid), "files": files}
                )


def test_hundreds_of_trials_leave_memory_files_and_time_flat(synthetic, tmp_path):
    study = Attacked(
        tmp_path, synthetic, space=QUICK, budget={"trials": TRIALS}, pruning={"enabled": False}
    )
    seen: list[dict[str, float]] = []
    done = threading.Event()
    study.start()
    watcher = threading.Thread(target=watch, args=(study, done, seen))
    watcher.start()
    try:
        assert study.finish(timeout=5 * 3600) == 0, study.log()[-2000:]
    finally:
        done.set()
        watcher.join()
    study.check()
    early, late = TRIALS // 5, TRIALS - TRIALS // 5
    for what in ("coordinator", "worker"):
        rows = [row for row in seen if row["what"] == what]
        for key, most in (("mb", 1.25), ("files", 1.1)):
            first = statistics.median(r[key] for r in rows if early / 2 <= r["trials"] <= early)
            last = statistics.median(r[key] for r in rows if r["trials"] >= late)
            print(f"{what} {key}: {first:.0f} -> {last:.0f}")
            assert last <= first * most + (4 if key == "files" else 40), (what, key, first, last)
    ends = sorted(
        json.loads(line)["time"]
        for path in study.folder.glob("trials/*/events.jsonl")
        for line in path.read_text().splitlines()
        if '"end"' in line
    )
    gaps = [after - before for before, after in itertools.pairwise(ends)]
    first, last = statistics.median(gaps[:early]), statistics.median(gaps[-early:])
    print(f"seconds per trial: {first:.2f} -> {last:.2f}")
    assert last <= 2 * first + 0.5


def test_a_study_resumed_fifty_times_in_a_row_is_whole(synthetic, tmp_path):
    study = Attacked(tmp_path, synthetic, budget={"trials": 6})
    rounds = 0
    while rounds < SESSIONS:
        study.start()
        assert study.process is not None
        deadline = time.monotonic() + 6 + rounds % 5
        while study.running and time.monotonic() < deadline:
            time.sleep(0.05)
        rounds += 1
        if study.running:
            study.process.send_signal(signal.SIGINT)
            assert study.process.wait(60) in (0, 130), study.log()[-2000:]
            assert "Traceback" not in study.log()
    assert study.finish() == 0
    study.check()

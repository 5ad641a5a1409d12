"""A small study in processes of its own, which a test kills; and what must hold afterwards."""

from __future__ import annotations

import contextlib
import csv
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import Any

import optuna
import yaml

from study.search.recover import fault_of_spec
from support.tiny_space import TINY_SPACE

__all__ = ["Attacked", "kill_once"]

MARK = "SPECTUNE_FAULT_TEST"
ALLOWED_LOSSES = 3  # of workers per trial; the fourth would fail it
# A file whose appearance tells the stage of a trial: begun, in training, weights being written,
# result written.
STAGES = ("log.txt", "checkpoint.safetensors", "devel.npy", "model.safetensors", "result.json")


class Attacked:
    """A study that is run as a person runs it, again and again.

    Args:
        base: Its folder.
        corpus: The corpus.
        changes: Of its study.yaml.
    """

    def __init__(self, base: Path, corpus: Path, **changes: object) -> None:
        self.base, self.mark = base, uuid.uuid4().hex
        base.mkdir(parents=True, exist_ok=True)
        plain = {
            "name": "s", "corpus": str(corpus), "space": TINY_SPACE, "budget": {"trials": 4},
            "checkpoint_seconds": 0.0, "slots": 1, "threads": 1,
        } | changes  # fmt: skip
        (base / "study.yaml").write_text(yaml.safe_dump(plain, sort_keys=False))
        self.n_trials = plain["budget"]["trials"]
        self.folder = base / "results" / "s"
        self.process: subprocess.Popen[str] | None = None
        self.worker_kills = 0

    def start(self) -> None:
        """Start the study's command, as at first."""
        environment = os.environ | {MARK: self.mark, "OMP_NUM_THREADS": "1"}
        with (self.base / "out.log").open("a") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "study", "run", "study.yaml"],
                cwd=self.base, env=environment, stdout=log, stderr=log, text=True,
                start_new_session=True,
            )  # fmt: skip

    @property
    def running(self) -> bool:
        """Whether the coordinator lives."""
        return self.process is not None and self.process.poll() is None

    def finish(self, timeout: float = 400) -> int:
        """Run to the end and return the exit code."""
        if not self.running:
            self.start()
        assert self.process is not None
        return self.process.wait(timeout)

    def processes(self, what: str = "") -> list[int]:
        """Return the living processes of this study whose command line has `what` in it."""
        found = []
        for folder in Path("/proc").iterdir():
            if not folder.name.isdigit():
                continue
            with contextlib.suppress(OSError):
                environment = (folder / "environ").read_bytes()
                command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                if f"{MARK}={self.mark}".encode() in environment and what in command:
                    found.append(int(folder.name))
        return found

    def log(self) -> str:
        """Return what the command has said."""
        return (self.base / "out.log").read_text()

    def leaderboard(self) -> list[dict[str, str]]:
        """Return the leaderboard without what depends on the clock."""
        with (self.folder / "leaderboard.csv").open() as file:
            rows = list(csv.DictReader(file))
        return [{k: v for k, v in row.items() if k != "seconds"} for row in rows]

    def fusion(self) -> dict[str, object]:
        """Return the fusion's record without measured times."""
        plain = json.loads((self.folder / "ensemble" / "ensemble.json").read_text())
        return {key: plain[key] for key in ("method", "uar", "members", "trajectory", "honest")}

    def results(self) -> dict[int, dict[str, Any]]:
        """Return the result of every trial that has ended."""
        found = sorted(self.folder.glob("trials/*/result.json"))
        return {int(p.parent.name): json.loads(p.read_text()) for p in found}

    def files(self) -> dict[int, dict[str, str]]:
        """Return the digests of what every trial left."""
        return {number: result["files"] for number, result in self.results().items()}

    def check(self) -> None:
        """Check all that must hold of a finished study, however it was disturbed."""
        results = {int(p.parent.name): p for p in self.folder.glob("trials/*/result.json")}
        (name,) = optuna.get_all_study_names(f"sqlite:///{self.folder / 'optuna.db'}")
        storage = f"sqlite:///{self.folder / 'optuna.db'}"
        trials = optuna.load_study(study_name=name, storage=storage).trials
        assert [t.number for t in trials] == sorted(results)
        for trial in trials:
            result = json.loads(results[trial.number].read_text())
            wanted = {"complete": "COMPLETE", "pruned": "PRUNED", "failed": "FAIL"}
            felt = fault_of_spec(result) is not None
            assert trial.state.name == ("PRUNED" if felt else wanted[result["state"]]), trial
            if result["state"] == "complete":
                assert trial.value == result["uar"]
            lines = (results[trial.number].parent / "events.jsonl").read_text().splitlines()
            events = [json.loads(line)["event"] for line in lines if line.endswith("}")]
            assert "start" not in events[events.index("end") :], "a finished trial ran again"
        database = sqlite3.connect(self.base / "mlflow.db")
        runs = database.execute("select name, status from runs where lifecycle_stage='active'")
        states = dict(runs.fetchall())
        assert "RUNNING" not in states.values(), states
        assert len([run for run in states if run[:3].isdigit()]) == len(trials)
        assert not list(self.folder.rglob("checkpoint.safetensors"))
        deadline = time.monotonic() + 10
        while self.processes() and time.monotonic() < deadline:
            time.sleep(0.1)
        assert not self.processes(), "a process outlived its study"


def kill_once(study: Attacked, rng: random.Random, *, most_seconds: float) -> str:
    """Kill something of a study that runs; return what, or nothing where it ended before.

    The moment is random, or when a file of a random stage appears. It is drawn from what is left
    of the study, since a moment after its end kills nothing.

    Args:
        study: The study.
        rng: The source of moments and targets.
        most_seconds: What the whole study takes where nothing disturbs it.
    """
    if not study.running:
        study.start()
    left = 1 - len(study.results()) / study.n_trials
    if left == 0 or rng.random() < 0.5:
        # Half of a small study is its beginning and its end, which every session has.
        deadline = time.monotonic() + rng.uniform(0, most_seconds * max(left, 0.5))
        while time.monotonic() < deadline and study.running:
            time.sleep(0.005)
    else:
        _wait_for(study, rng.choice(STAGES), most_seconds)
    if not study.running:
        return ""
    targets = ["coordinator", "worker", "both"]
    target = rng.choice(targets if study.worker_kills < ALLOWED_LOSSES else targets[:1])
    number = rng.choice([signal.SIGKILL, signal.SIGTERM])
    workers = study.processes("runners.engines.worker") if target != "coordinator" else []
    coordinator = [study.process.pid] if target != "worker" and study.process else []
    for pid in [*workers, *coordinator]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
    study.worker_kills += bool(workers)
    if coordinator and study.process is not None:
        study.process.wait(60)
    return f"{target} {signal.Signals(number).name}" if workers or coordinator else ""


def _wait_for(study: Attacked, name: str, seconds: float) -> None:
    """Wait until there is one more file of that name."""
    before = len(list(study.folder.rglob(name)))
    deadline = time.monotonic() + 2 * seconds
    while study.running and time.monotonic() < deadline:
        if len(list(study.folder.rglob(name))) > before:
            return
        time.sleep(0.002)

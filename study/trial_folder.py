"""The folder of a trial: the truth about it, written by the coordinator alone."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from search_spaces.spec import TrialSpec
from study.whole_files import write_json

__all__ = ["TrialFolder", "trial_folders"]


class TrialFolder:
    """One trial on disk.

    Args:
        trials: The study's folder of trials.
        number: The trial.
    """

    def __init__(self, trials: Path, number: int) -> None:
        self.number = number
        self.path = trials / f"{number:05d}"

    def begin(self, spec: TrialSpec, *, origin: str, params: Mapping[str, Any]) -> None:
        """Write down what the trial is, before anything runs."""
        self.path.mkdir(parents=True, exist_ok=True)
        plain = {"number": self.number, "origin": origin, "params": dict(params)}
        write_json(self.path / "spec.json", plain | {"spec": spec.to_dict()})

    @property
    def begun(self) -> bool:
        """Whether the trial was written down."""
        return (self.path / "spec.json").exists()

    def spec(self) -> TrialSpec:
        """Return what the trial is."""
        return TrialSpec.from_dict(json.loads((self.path / "spec.json").read_text())["spec"])

    def origin(self) -> str:
        """Return where the trial comes from: `sampler`, or `baseline:NAME`."""
        return str(json.loads((self.path / "spec.json").read_text())["origin"])

    def result(self) -> dict[str, Any] | None:
        """Return what came of the trial, or None where it has not ended or the file is damaged."""
        with contextlib.suppress(OSError, ValueError):
            plain = json.loads((self.path / "result.json").read_text())
            if isinstance(plain, dict) and plain.get("format") == 1:
                return plain
        return None

    def set_aside_result(self) -> None:
        """Rename a result that is there and does not count, so that the trial has not ended."""
        with contextlib.suppress(FileNotFoundError):
            (self.path / "result.json").replace(self.path / "result.json.damaged")

    def attempt(self, n: int) -> Path:
        """Return the folder of the attempt `n`."""
        return self.path / f"attempt-{n}"

    def attempts(self) -> int:
        """Return how many attempts there were."""
        return len(list(self.path.glob("attempt-*")))

    def log(self, event: Mapping[str, Any]) -> None:
        """Append an event to `events.jsonl`; a torn line from a kill is closed first."""
        line = json.dumps({"time": time.time(), **event}, ensure_ascii=False) + "\n"
        path = self.path / "events.jsonl"
        with path.open("ab+") as file:
            if file.tell():
                file.seek(-1, os.SEEK_END)
                if file.read(1) != b"\n":
                    file.write(b"\n")
            file.write(line.encode())

    def events(self) -> list[dict[str, Any]]:
        """Return the events so far; what cannot be read (a torn line) is left out."""
        found = []
        with contextlib.suppress(OSError):
            for line in (self.path / "events.jsonl").read_bytes().splitlines():
                with contextlib.suppress(ValueError):
                    event = json.loads(line)
                    if isinstance(event, dict):
                        found.append(event)
        return found

    def finish(self, result: Mapping[str, Any]) -> None:
        """Promote an attempt: from here on the trial has ended."""
        write_json(self.path / "result.json", result)


def trial_folders(trials: Path) -> list[TrialFolder]:
    """Return the trials that were written down, by number."""
    numbers = sorted(int(path.name) for path in trials.glob("[0-9]*") if path.name.isdigit())
    return [folder for n in numbers if (folder := TrialFolder(trials, n)).begun]

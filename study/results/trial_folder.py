"""The folder of a trial: the truth about it, written by the coordinator alone."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from search_spaces.grammar.errors import InputError
from search_spaces.spec import TrialSpec
from study.files import read_object, write_json
from study.files.atomic import naming
from study.files.json_files import check_format
from study.results.trial_record import numbered_folders, read_events, read_spec
from study.results.trial_result import wrong_value


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
        plain = {"number": self.number, "origin": origin, "name": spec.label}
        whole = plain | {"params": dict(params), "spec": spec.to_dict()}
        write_json(self.path / "spec.json", whole)

    @property
    def begun(self) -> bool:
        """Whether the trial was written down."""
        return (self.path / "spec.json").exists()

    def spec(self) -> TrialSpec:
        """Return what the trial is.

        Raises:
            InputError: If `spec.json` is damaged.
        """
        plain, path = read_spec(self.path, self.number).get("spec"), self.path / "spec.json"
        if not isinstance(plain, dict):
            raise InputError(f"{path}: spec must be a mapping, got {plain!r:.80}")
        try:
            return TrialSpec.from_dict(plain)
        except InputError as error:
            raise InputError(f"{path}: {error}") from error

    def origin(self) -> str:
        """Return where the trial comes from: `sampler`, or `baseline:NAME`."""
        origin = read_spec(self.path, self.number).get("origin")
        if not isinstance(origin, str):
            path = self.path / "spec.json"
            raise InputError(f"{path}: origin must be text, got {origin!r:.80}")
        return origin

    def result(self) -> dict[str, Any] | None:
        """Return what came of the trial, or None where it has not ended or the file is damaged.

        Raises:
            InputError: If another version of spectune wrote it, which is no damage.
        """
        path = self.path / "result.json"
        try:
            plain = read_object(path)
        except InputError:
            return None
        if "format" in plain:
            check_format(path, plain)
        return None if wrong_value(plain, self.number) else plain

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
        with naming(path), path.open("ab+") as file:
            if file.tell():
                file.seek(-1, os.SEEK_END)
                if file.read(1) != b"\n":
                    file.write(b"\n")
            file.write(line.encode())

    def events(self) -> list[dict[str, Any]]:
        """Return the events so far; what cannot be read (a torn line) is left out."""
        return list(read_events(self.path / "events.jsonl"))

    def finish(self, result: Mapping[str, Any]) -> None:
        """Accept an attempt: from here on the trial has ended."""
        write_json(self.path / "result.json", result)


def trial_folders(trials: Path) -> list[TrialFolder]:
    """Return the trials that were written down, by number."""
    folders = [TrialFolder(trials, number) for number, _ in numbered_folders(trials)]
    return [folder for folder in folders if folder.begun]

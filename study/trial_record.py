"""A trial as its folder tells it, ended or running."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from search_spaces.errors import InputError
from study.plain_json import is_count, mapping, number, numbers, read_object

__all__ = ["STATES", "TrialRecord", "read_trials"]

STATES = ("complete", "pruned", "failed", "running")


@dataclass(frozen=True)
class TrialRecord:
    """One trial, from `spec.json`, `events.jsonl` and, once it has ended, `result.json`.

    While a trial runs, `uar`, `best_epoch` and the curves tell what its epochs reported so far.
    """

    number: int
    folder: Path
    origin: str  # "sampler", "baseline:NAME", ...
    name: str  # "linear-3win resnet18"
    state: str  # one of STATES
    reason: str | None
    params: Mapping[str, Any]  # flat dotted names; a parameter of another branch is absent
    spec: Mapping[str, Any]
    attempt: int  # from 1
    uar: float | None  # of the best epoch, in [0, 1]
    best_epoch: int | None  # from 1
    epochs: int | None  # planned
    uar_per_epoch: tuple[float, ...]
    train_loss_per_epoch: tuple[float, ...]
    seconds: float | None
    started: float | None  # Unix seconds
    ended: float | None  # Unix seconds
    slot: int | str | None
    device: str | None
    n_parameters: int | None
    family: str | None
    spec_digest: str | None
    identity: Mapping[str, Any]
    files: Mapping[str, str]  # name -> SHA-256
    events: tuple[Mapping[str, Any], ...]

    @property
    def finished(self) -> bool:
        """Whether the trial has ended, in whatever way."""
        return self.state != "running"

    @property
    def ranked(self) -> bool:
        """Whether the trial has a place on the leaderboard: it ended, with a devel UAR."""
        return self.state in ("complete", "pruned") and self.uar is not None

    def file(self, name: str) -> Path:
        """Where a file of the promoted attempt lies, for example `devel.npy`."""
        return self.folder / f"attempt-{self.attempt}" / name


def read_trials(folder: Path) -> tuple[TrialRecord, ...]:
    """The trials that were written down, by number; none where there is no such folder.

    Raises:
        InputError: If a trial's `spec.json` or `result.json` is damaged.
    """
    if not folder.is_dir():
        return ()
    names = sorted((p for p in folder.iterdir() if p.name.isdigit()), key=lambda p: int(p.name))
    trials = (_read_trial(path) for path in names)
    return tuple(trial for trial in trials if trial is not None)


def _read_trial(folder: Path) -> TrialRecord | None:
    """The trial in a folder, or None while its `spec.json` is not there yet."""
    result_file, spec_file = folder / "result.json", folder / "spec.json"
    if not spec_file.is_file():
        return None
    spec = read_object(spec_file)
    result = read_object(result_file) if result_file.is_file() else {}
    events = _read_events(folder / "events.jsonl")
    starts = [event for event in events if event["event"] == "start"]
    ends = [event for event in events if event["event"] == "end"]
    epochs = _epochs(events)
    curve = numbers(result.get("uar_per_epoch", [epoch.get("devel_uar") for epoch in epochs]))
    losses = result.get("train_loss_per_epoch", [epoch.get("train_loss") for epoch in epochs])
    uar, best_epoch = number(result.get("uar")), result.get("best_epoch")
    if not result:
        uar, best_epoch = _best(curve)
    params = mapping(spec.get("params"))
    attempts = [e.get("attempt", 1) for e in events]
    attempt = result.get("attempt") or max(filter(is_count, attempts), default=1)
    if not is_count(attempt):
        path = folder / "result.json"
        raise InputError(f"{path}: attempt must be a whole number above 0, got {attempt!r}")
    return TrialRecord(
        number=int(folder.name),
        folder=folder,
        origin=str(spec.get("origin", "sampler")),
        name=str(result.get("name") or _provisional_name(params, str(spec.get("origin", "")))),
        state=str(result.get("state", "running")),
        reason=result.get("reason"),
        params=params,
        spec=mapping(spec.get("spec")),
        attempt=attempt,
        uar=uar,
        best_epoch=best_epoch,
        epochs=result.get("epochs", epochs[-1].get("epochs") if epochs else None),
        uar_per_epoch=curve,
        train_loss_per_epoch=numbers(losses),
        seconds=number(result.get("seconds")),
        started=number(starts[0].get("time")) if starts else None,
        ended=number(ends[-1].get("time")) if ends else None,
        slot=starts[-1].get("slot") if starts else None,
        device=result.get("device"),
        n_parameters=result.get("n_parameters"),
        family=result.get("family"),
        spec_digest=result.get("spec_digest"),
        identity=mapping(result.get("identity")),
        files=mapping(result.get("files")),
        events=events,
    )


def _provisional_name(params: Mapping[str, Any], origin: str) -> str:
    """A name for a trial that has not written its own yet."""
    front = "-".join(str(params[key]) for key in ("scale", "channels") if params.get(key))
    name = " ".join(part for part in (front, str(params.get("backbone") or "")) if part)
    return name or origin.removeprefix("baseline:") or "trial"


def _epochs(events: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The epoch events in order; an attempt that went back takes its later epochs with it."""
    epochs: list[Mapping[str, Any]] = []
    for event in events:
        if event["event"] == "epoch" and is_count(event.get("epoch")):
            epochs = [e for e in epochs if e["epoch"] < event["epoch"]]
            epochs.append(event)
    return epochs


def _best(curve: Sequence[float]) -> tuple[float | None, int | None]:
    """The highest UAR and its epoch from 1; the first of equal ones."""
    known = [(uar, epoch) for epoch, uar in enumerate(curve, start=1) if math.isfinite(uar)]
    if not known:
        return None, None
    return max(known, key=lambda pair: (pair[0], -pair[1]))


def _read_events(path: Path) -> tuple[Mapping[str, Any], ...]:
    """The lines that are whole objects with an `event`; a torn one is skipped."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return ()
    events = []
    for line in lines:
        try:
            event = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(event, dict) and isinstance(event.get("event"), str):
            events.append(event)
    return tuple(events)

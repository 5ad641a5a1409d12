"""A trial as its folder has it, ended or running."""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from search_spaces.grammar.bounded_file import read_bounded
from search_spaces.grammar.errors import InputError
from study.files import is_count, mapping, number, read_object
from study.files.json_files import check_format, numbers
from study.results.trial_result import ENDS, wrong_value

STATES = (*ENDS, "running")
# Where a trial comes from, as `spec.json` says it: `sampler`, or one of these and what follows.
SAMPLER = "sampler"
BASELINE = "baseline:"  # the baseline's name
GRID = "grid:"  # the repetition, from 1
TAKEN = "from:"  # the study and its trial: `from:mask/17`
REPEAT = "seed:"  # the trial that is repeated with another seed
MAX_EVENTS_BYTES = 100_000_000


@dataclass(frozen=True)
class TrialRecord:
    """One trial, from `spec.json`, `events.jsonl` and, once it has ended, `result.json`.

    While a trial runs, `uar`, `best_epoch` and the curves are those of its epochs so far.
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
        """Where a file of the accepted attempt lies, for example `devel.npy`."""
        return self.folder / f"attempt-{self.attempt}" / name


def read_trials(folder: Path) -> tuple[TrialRecord, ...]:
    """The trials that were written down, by number; none where there is no such folder.

    Raises:
        InputError: If a trial's `spec.json` or `result.json` is damaged.
    """
    if not folder.is_dir():
        return ()
    trials = (_read_trial(path, number) for number, path in numbered_folders(folder))
    return tuple(trial for trial in trials if trial is not None)


def numbered_folders(folder: Path) -> list[tuple[int, Path]]:
    """Numbers and folders of what is named as a trial (`00042`), in order; the rest is not ours."""
    paths = list(folder.iterdir()) if folder.is_dir() else []
    named = [path for path in paths if path.name.isascii() and path.name.isdecimal()]
    return sorted((int(p.name), p) for p in named if f"{int(p.name):05d}" == p.name)


def read_spec(folder: Path, trial: int) -> dict[str, Any]:
    """The content of a trial's `spec.json`.

    Raises:
        InputError: If it is damaged or another trial's, whose folder was copied or renamed.
    """
    plain = read_object(folder / "spec.json")
    if plain.get("number") != trial:
        raise InputError(
            f"{folder / 'spec.json'}: number must be that of its folder, {trial}, got"
            f" {plain.get('number')!r:.80}"
        )
    return plain


def read_result(folder: Path, trial: int) -> dict[str, Any] | None:
    """The content of a trial's `result.json`; None where there is none.

    Raises:
        InputError: If it is damaged, or of another version of spectune.
    """
    path = folder / "result.json"
    if not path.exists():
        return None
    plain = read_object(path)
    check_format(path, plain)
    if (problem := wrong_value(plain, trial)) is not None:
        raise InputError(f"{path}: {problem}")
    return plain


def _read_trial(folder: Path, trial: int) -> TrialRecord | None:
    """The trial in a folder, or None while its `spec.json` is not there yet."""
    if not (folder / "spec.json").exists():
        return None
    spec, result = read_spec(folder, trial), read_result(folder, trial) or {}
    events = read_events(folder / "events.jsonl")
    starts = [event for event in events if event["event"] == "start"]
    ends = [event for event in events if event["event"] == "end"]
    epochs = _epochs(events)
    curve = numbers(result.get("uar_per_epoch", [epoch.get("devel_uar") for epoch in epochs]))
    losses = result.get("train_loss_per_epoch", [epoch.get("train_loss") for epoch in epochs])
    uar, best_epoch = number(result.get("uar")), result.get("best_epoch")
    if not result:
        uar, best_epoch = _best(curve)
    params, origin = mapping(spec.get("params")), str(spec.get("origin", SAMPLER))
    attempts = [e.get("attempt", 1) for e in events]
    return TrialRecord(
        number=trial,
        folder=folder,
        origin=origin,
        name=str(result.get("name") or spec.get("name") or _name_of(params, origin)),
        state=str(result.get("state", "running")),
        reason=result.get("reason"),
        params=params,
        spec=mapping(spec.get("spec")),
        attempt=result.get("attempt") or max(filter(is_count, attempts), default=1),
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


def _name_of(params: Mapping[str, Any], origin: str) -> str:
    """A name for a trial from before `spec.json` had one."""
    front = "-".join(str(params[key]) for key in ("scale", "channels") if params.get(key))
    name = " ".join(part for part in (front, str(params.get("backbone") or "")) if part)
    return name or origin.removeprefix(BASELINE) or "trial"


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


def read_events(path: Path) -> tuple[dict[str, Any], ...]:
    """The lines that are whole objects with an `event`; a torn one is skipped.

    Raises:
        InputError: If the file cannot be read at all.
    """
    try:
        lines = read_bounded(path, MAX_EVENTS_BYTES).splitlines()
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error
    events = []
    for line in lines:
        with contextlib.suppress(ValueError, RecursionError):
            event = json.loads(line.decode(errors="replace"))
            if isinstance(event, dict) and _is_sound(event):
                events.append(event)
    return tuple(events)


def _is_sound(event: Mapping[str, Any]) -> bool:
    """Whether an event has the values that it is written with, of their kinds."""
    kind = event.get("event")
    if not isinstance(kind, str) or number(event.get("time")) is None:
        return False
    if kind == "verdict":
        return is_count(event.get("epoch")) and isinstance(event.get("prune"), bool)
    return kind != "epoch" or (is_count(event.get("epoch")) and is_count(event.get("epochs", 1)))

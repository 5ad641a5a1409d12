"""Reading a results folder back: what `status`, `leaderboard`, the fusion and the report see.

The folder is the truth (docs/architecture.md draws it), and it may be read while a study writes
it: a trial without `result.json` is running, a torn last line of `events.jsonl` is ignored.
Nothing heavier than the standard library is imported, so that `spectune status` answers at once.
"""

from __future__ import annotations

import csv
import io
import json
import math
import os
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from search_spaces.errors import InputError
from study.imported import ImportedRecord, read_imports
from study.text import spreadsheet_safe

__all__ = [
    "Clip",
    "Ensemble",
    "ImportedMember",
    "Member",
    "Partition",
    "StudyResults",
    "TrialRecord",
    "leaderboard",
    "read_results",
    "replace_text",
    "write_leaderboard",
]

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


@dataclass(frozen=True)
class Clip:
    """One row of `clips.json`."""

    file_name: str
    audio_sha256: str
    label: str | None  # None where blind
    speaker: str | None  # None where unknown


@dataclass(frozen=True)
class Partition:
    """The clips of `train`, `devel` or `test` in the order of every probability array."""

    digest: str
    clips: tuple[Clip, ...]


@dataclass(frozen=True)
class Member:
    """One network of the fusion; repeated seeds of one spec are one candidate of its rule."""

    trial: int
    name: str
    weight: float
    uar: float | None
    candidate: int | None = None  # its place in the rule, from 0


@dataclass(frozen=True)
class ImportedMember:
    """A member of the fusion that is another tool's system: it has predictions and no network."""

    name: str
    weight: float
    uar: float | None
    candidate: int


@dataclass(frozen=True)
class Ensemble:
    """`ensemble/ensemble.json`; the UAR is apparent, since devel chose the members."""

    method: str
    uar: float
    members: tuple[Member, ...]
    trajectory: tuple[Mapping[str, Any], ...]  # {n, trial, name, uar}
    references: Mapping[str, Mapping[str, Any]]  # best_single, uniform, top_k
    n_candidates: int | None
    identity: Mapping[str, Any]
    apparent: bool
    honest: Mapping[str, Any] = field(default_factory=dict)  # of `study.honest.HonestValue`
    imported: tuple[ImportedMember, ...] = ()
    rule: Mapping[str, Any] | None = None  # of `study.fusion_rule.FusionRule`; None: the average
    diversity: Mapping[str, Any] = field(default_factory=dict)
    methods: tuple[Mapping[str, Any], ...] = ()  # the table of `spectune ensemble --compare`
    sentences: tuple[str, ...] = ()  # what a person is told of the fusion, beside its figures

    @property
    def n_members(self) -> int:
        """Networks and imported systems."""
        return len(self.members) + len(self.imported)


@dataclass(frozen=True)
class StudyResults:
    """All that a results folder tells."""

    folder: Path
    name: str
    state: Mapping[str, Any]  # state.json
    classes: tuple[str, ...]
    corpus: Mapping[str, Any]
    partitions: Mapping[str, Partition]
    trials: tuple[TrialRecord, ...]  # by number
    ensemble: Ensemble | None
    protocol: str = "holdout"
    folds: tuple[int, ...] = ()  # of each devel clip in a cross-validation
    imports: tuple[ImportedRecord, ...] = ()

    @property
    def n_folds(self) -> int:
        """Networks per trial in a cross-validation, 0 where devel was held out."""
        return max(self.folds, default=-1) + 1

    @property
    def ranked(self) -> tuple[TrialRecord, ...]:
        """The trials with a place on the leaderboard, best first; equal ones by number."""
        return tuple(sorted((t for t in self.trials if t.ranked), key=_by_uar))

    @property
    def best(self) -> TrialRecord | None:
        """The best trial so far, if any has ended with a UAR."""
        return next(iter(self.ranked), None)

    def count(self) -> dict[str, int]:
        """How many trials there are in each of `STATES`."""
        counts = Counter(trial.state for trial in self.trials)
        return {state: counts[state] for state in STATES}

    def trial(self, number: int) -> TrialRecord:
        """The trial of that number.

        Raises:
            InputError: There is none.
        """
        for trial in self.trials:
            if trial.number == number:
                return trial
        raise InputError(f"{self.folder}: there is no trial {number}")


def read_results(folder: Path | str) -> StudyResults:
    """Read a results folder, finished or being written.

    Raises:
        InputError: The folder is no results folder, or a file that is only ever written whole
            is damaged.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"{folder}: there is no such results folder")
    if not (folder / "state.json").is_file():
        raise InputError(f"{folder}: not a results folder, it has no state.json")
    state = _read_object(folder / "state.json")
    clips = _read_object(folder / "clips.json") if (folder / "clips.json").is_file() else {}
    return StudyResults(
        folder=folder,
        name=str(state.get("name") or folder.resolve().name),
        state=state,
        classes=_classes(folder / "clips.json", clips),
        corpus=_mapping(clips.get("corpus")),
        partitions=_partitions(folder / "clips.json", clips),
        trials=_read_trials(folder / "trials"),
        ensemble=_read_ensemble(folder / "ensemble" / "ensemble.json"),
        protocol=str(clips.get("protocol", "holdout")),
        folds=tuple(clips.get("folds", ())),
        imports=read_imports(folder / "imports"),
    )


def leaderboard(results: StudyResults) -> list[dict[str, Any]]:
    """One row per trial: the ranked ones first, then running, then failed ones, then imports.

    Keys: rank (None where a trial has none), trial (None for an imported system), name, uar,
    best_epoch, state, seconds, and the trial's own parameters under their names.
    """
    ranked = results.ranked
    others = [t for state in ("running", "failed") for t in results.trials if t.state == state]
    others += [t for t in results.trials if t.state in ("complete", "pruned") and not t.ranked]
    rows = []
    for place, trial in enumerate([*ranked, *others], start=1):
        fixed = {
            "rank": place if place <= len(ranked) else None,
            "trial": trial.number,
            "name": trial.name,
            "uar": trial.uar,
            "best_epoch": trial.best_epoch,
            "state": trial.state,
            "seconds": trial.seconds,
        }
        rows.append({**fixed, **{k: v for k, v in trial.params.items() if k not in fixed}})
    nothing = dict.fromkeys(("rank", "trial", "best_epoch", "seconds"))
    rows += [
        {**nothing, "name": one.name, "uar": one.uar, "state": "imported"}
        for one in results.imports
    ]
    return rows


def write_leaderboard(results: StudyResults, path: Path | str) -> Path:
    """Write the leaderboard as CSV, atomically.

    A text cell that a spreadsheet would take for a formula is written with an apostrophe before
    it. UAR stays in [0, 1].
    """
    rows = leaderboard(results)
    fixed = ["rank", "trial", "name", "uar", "best_epoch", "state", "seconds"]
    columns = [*fixed, *sorted({key for row in rows for key in row} - set(fixed))]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([_cell(column) for column in columns])
    writer.writerows([_cell(row.get(column)) for column in columns] for row in rows)
    return replace_text(path, text.getvalue())


def replace_text(path: Path | str, text: str) -> Path:
    """Write a file as a whole: a reader sees the old text or the new one, never half of it."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return path


def _cell(value: Any) -> Any:
    if value is None or isinstance(value, (bool, int, float)):
        return value
    text = value if isinstance(value, str) else json.dumps(value)
    return spreadsheet_safe(text)


def _by_uar(trial: TrialRecord) -> tuple[float, int]:
    return -(trial.uar or 0.0), trial.number


def _read_trials(folder: Path) -> tuple[TrialRecord, ...]:
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
    spec = _read_object(spec_file)
    result = _read_object(result_file) if result_file.is_file() else {}
    events = _read_events(folder / "events.jsonl")
    starts = [event for event in events if event["event"] == "start"]
    ends = [event for event in events if event["event"] == "end"]
    epochs = _epochs(events)
    curve = _numbers(result.get("uar_per_epoch", [epoch.get("devel_uar") for epoch in epochs]))
    losses = result.get("train_loss_per_epoch", [epoch.get("train_loss") for epoch in epochs])
    uar, best_epoch = _number(result.get("uar")), result.get("best_epoch")
    if not result:
        uar, best_epoch = _best(curve)
    params = _mapping(spec.get("params"))
    attempts = [e.get("attempt", 1) for e in events]
    attempt = result.get("attempt") or max(filter(_is_count, attempts), default=1)
    if not _is_count(attempt):
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
        spec=_mapping(spec.get("spec")),
        attempt=attempt,
        uar=uar,
        best_epoch=best_epoch,
        epochs=result.get("epochs", epochs[-1].get("epochs") if epochs else None),
        uar_per_epoch=curve,
        train_loss_per_epoch=_numbers(losses),
        seconds=_number(result.get("seconds")),
        started=_number(starts[0].get("time")) if starts else None,
        ended=_number(ends[-1].get("time")) if ends else None,
        slot=starts[-1].get("slot") if starts else None,
        device=result.get("device"),
        n_parameters=result.get("n_parameters"),
        family=result.get("family"),
        spec_digest=result.get("spec_digest"),
        identity=_mapping(result.get("identity")),
        files=_mapping(result.get("files")),
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
        if event["event"] == "epoch" and _is_count(event.get("epoch")):
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


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _classes(path: Path, clips: Mapping[str, Any]) -> tuple[str, ...]:
    classes = clips.get("classes", [])
    if not isinstance(classes, list) or not all(isinstance(label, str) for label in classes):
        raise InputError(f"{path}: classes must be a list of texts, got {classes!r:.80}")
    return tuple(classes)


def _partitions(path: Path, clips: Mapping[str, Any]) -> dict[str, Partition]:
    try:
        return {
            name: Partition(
                digest=str(partition["digest"]),
                clips=tuple(Clip(*row) for row in partition["clips"]),
            )
            for name, partition in _mapping(clips.get("partitions")).items()
        }
    except (KeyError, TypeError) as error:
        raise InputError(f"{path}: a partition needs a digest and clips of four values") from error


def _read_ensemble(path: Path) -> Ensemble | None:
    if not path.is_file():
        return None
    values = _read_object(path)
    try:
        return Ensemble(
            method=str(values.get("method", "")),
            uar=float(values["uar"]),
            members=tuple(
                Member(
                    int(m["trial"]),
                    str(m["name"]),
                    float(m["weight"]),
                    _number(m.get("uar")),
                    m.get("candidate", place),
                )
                for place, m in enumerate(values["members"])
            ),
            trajectory=tuple(values.get("trajectory", ())),
            references=_mapping(values.get("references")),
            n_candidates=values.get("n_candidates"),
            identity=_mapping(values.get("identity")),
            apparent=bool(values.get("apparent", True)),
            honest=_mapping(values.get("honest")),
            imported=tuple(
                ImportedMember(
                    str(m["name"]), float(m["weight"]), _number(m.get("uar")), int(m["candidate"])
                )
                for m in values.get("imported", ())
            ),
            rule=values.get("rule"),
            diversity=_mapping(values.get("diversity")),
            methods=tuple(values.get("methods") or ()),
            sentences=tuple(map(str, values.get("sentences", ()))),
        )
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise InputError(f"{path}: not an ensemble as spectune writes it ({error!r})") from error


def _read_object(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: cannot be read as JSON ({error})") from error
    if not isinstance(values, dict):
        raise InputError(f"{path}: must hold a JSON object, got {type(values).__name__}")
    return values


def _mapping(value: Any) -> dict[str, Any]:
    return dict(value) if isinstance(value, Mapping) else {}


def _number(value: Any) -> float | None:
    """A finite float, or None."""
    if isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    return None


def _numbers(values: Any) -> tuple[float, ...]:
    """Floats, NaN where a value is missing."""
    if not isinstance(values, Sequence):
        return ()
    return tuple(math.nan if (n := _number(value)) is None else n for value in values)

"""Attempts at a trial: their files, when a failed one is tried again, when failures end a study.

The search (`coordinator`) and the trainings outside it (`retrain`) run the same attempts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Self

from runners.engines.engine import MAX_LOSSES, Engine, Event
from runners.job import Job
from runners.trial import CHECKPOINT, FILES, WEIGHTS
from search_spaces.spec import TrialSpec
from study.results.trial_folder import TrialFolder

ONGOING = ("start", "resumed", "epoch")  # events that end no attempt, and are logged
ALIKE = 3  # trials failing with one reason and none completing between them stop the study


class Retry(NamedTuple):
    """What the failed attempts at a trial have led to; says whether one more is made.

    Out of memory: once more, with half the micro-batch. Its worker gone: once more, from the
    checkpoint, a few times. Any other fault would come again.

    Args:
        accumulate: Micro-batches that a batch is split into.
        losses: Attempts whose worker was gone.
    """

    accumulate: int = 1
    losses: int = 0

    def after(self, kind: str) -> Retry | None:
        """Return how to go on after a fault of that kind; None: not at all.

        >>> Retry().after("memory"), Retry(accumulate=2).after("memory"), Retry().after("loss")
        (Retry(accumulate=2, losses=0), None, None)
        """
        if kind == "memory" and self.accumulate == 1:
            return self._replace(accumulate=2)
        if kind == "lost" and self.losses < MAX_LOSSES:
            return self._replace(losses=self.losses + 1)
        return None

    @classmethod
    def from_events(cls, events: Iterable[Mapping[str, Any]], *, accumulate: int = 1) -> Retry:
        """Return what earlier sessions noted, of a trial that began with so many micro-batches."""
        kinds = [event.get("kind") for event in events if event.get("event") == "retry"]
        return cls(max(accumulate, 2 if "memory" in kinds else 1), kinds.count("lost"))


@dataclass
class Attempts:
    """A trial, or a training outside the search, that a slot works on.

    Args:
        folder: Where it is written down.
        spec: What is trained.
        retry: What its failed attempts have led to.
        attempt: The one that runs, from 1; 0 before the first.
    """

    folder: TrialFolder
    spec: TrialSpec
    retry: Retry
    attempt: int

    @classmethod
    def begin(
        cls,
        folder: TrialFolder,
        spec: TrialSpec,
        *,
        origin: str,
        params: Mapping[str, Any],
        accumulate: int = 1,
    ) -> Self:
        """Write down a new trial, or take up one that an earlier session left.

        Args:
            folder: Where it is written down.
            spec: What is trained.
            origin: Where it comes from.
            params: What `spec.json` says of it beside the spec.
            accumulate: Micro-batches that a batch is split into from the first attempt on.
        """
        if not folder.begun:
            folder.begin(spec, origin=origin, params=params)
        retry = Retry.from_events(folder.events(), accumulate=accumulate)
        return cls(folder, spec, retry, folder.attempts())

    def next_job(self, number: int, *, task: Path, **rest: Any) -> Job:
        """Return the next attempt, from the newest checkpoint that an earlier one left.

        Args:
            number: What the engine calls it.
            task: File of the task.
            rest: Other fields of the job.
        """
        folder, earlier = self.folder, range(self.attempt, 0, -1)
        checkpoints = (folder.attempt(n) / CHECKPOINT for n in earlier)
        checkpoint = next((str(path) for path in checkpoints if path.exists()), None)
        self.attempt += 1
        return Job(
            number,
            self.attempt,
            self.spec,
            str(task),
            str(folder.attempt(self.attempt)),
            accumulate=self.retry.accumulate,
            checkpoint=checkpoint,
            **rest,
        )

    def log(self, event: Event) -> None:
        """Note what the engine reports of the attempt."""
        self.folder.log({key: value for key, value in event.items() if key != "number"})

    def try_again(self, fault: Event) -> str | None:
        """Note that another attempt is made, and return why; None where none is."""
        kind = fault_kind(fault)
        retry = self.retry.after(kind)
        if retry is None:
            return None
        reason = fault["reason"] + ("; trying half the micro-batch" if kind == "memory" else "")
        self.log({"event": "retry", "attempt": self.attempt, "kind": kind, "reason": reason})
        self.retry = retry
        return str(reason)

    def result(self, end: Event, **more: Any) -> dict[str, Any]:
        """Return the content of `result.json` for the event that ends the attempt.

        Args:
            end: `done`, or what failed and is not tried again.
            more: What else there is to say, in place of the values here.
        """
        return {
            "format": 1,
            "number": self.folder.number,
            "state": end["state"] if end["event"] == "done" else "failed",
            "reason": end.get("reason"),
            "attempt": self.attempt,
            "name": self.spec.label,
            "spec_digest": self.spec.digest,
            "uar_per_epoch": end.get("uar_per_epoch", []),
            "train_loss_per_epoch": end.get("train_loss_per_epoch", []),
            "epochs": end.get("epochs"),
            "seconds": end.get("seconds"),
            "device": end.get("device"),
            "n_parameters": end.get("n_parameters"),
            "files": end.get("files", {}),
        } | more


def fault_kind(event: Event) -> str:
    """Return the kind of a `failed` or `lost` event, one of `runners.faults` or `lost`."""
    return str(event.get("kind", "lost"))


class FailingAlike:
    """Counts the trials that failed for one reason, with none completing between them.

    Bad luck with one spec (its memory, its loss) is no reason to stop a study.

    >>> failing, result = FailingAlike(), {"state": "failed", "kind": "error", "reason": "no file"}
    >>> [failing.count(result | {"number": number}) for number in (4, 5, 7)]
    ['', '', 'trials 4, 5, 7 failed alike: no file']
    """

    def __init__(self) -> None:
        self._numbers: dict[str, list[int]] = defaultdict(list)  # of trials, by reason

    def count(self, result: Mapping[str, Any]) -> str:
        """Count a trial that has ended; return why the study should stop, empty if it need not."""
        if result["state"] != "failed":
            self._numbers.clear()
            return ""
        if result["kind"] in ("memory", "loss"):
            return ""
        alike = self._numbers[result["reason"]]
        alike.append(result["number"])
        if len(alike) < ALIKE:
            return ""
        return f"trials {', '.join(map(str, alike))} failed alike: {result['reason']}"


def bring_files(folder: TrialFolder, attempt: int, names: Iterable[str], engine: Engine) -> None:
    """Bring an attempt's files here where the engine ran it elsewhere."""
    home = folder.attempt(attempt)
    for name in names:
        if not (home / name).exists():
            home.mkdir(parents=True, exist_ok=True)
            (home / name).write_bytes(engine.fetch(folder.number, name))


def clean_up(folder: TrialFolder, result: Mapping[str, Any]) -> None:
    """Log the end of a trial that has a result, and delete what nobody needs any more.

    That is checkpoints and the files of earlier attempts. It is done once, also where a kill came
    in between, and only ever after `result.json` is written: until then the trial goes on from its
    checkpoint.
    """
    bounds = [e for e in folder.events() if e["event"] in ("start", "end")]
    if bounds and bounds[-1]["event"] == "end":
        return
    last = result.get("attempt", 0)
    for n in range(1, last + 1):
        for name in (CHECKPOINT, *(FILES if n < last else ())):
            (folder.attempt(n) / name).unlink(missing_ok=True)
    folder.log({"event": "end"} | {key: result.get(key) for key in ("attempt", "state", "reason")})


def delete_weights(
    trials: Path, results: Iterable[Mapping[str, Any]], *, keep: int, members: Collection[int]
) -> None:
    """Delete the weights of all but the best trials and the fusion's members.

    Args:
        trials: The study's folder of trials.
        results: Of the trials that have ended.
        keep: How many of the best keep their weights.
        members: Numbers of the fusion's trials.
    """
    ranked = sorted(
        (r for r in results if r["uar"] is not None), key=lambda r: (-r["uar"], r["number"])
    )
    for result in ranked[keep:]:
        if result["number"] not in members:
            folder = TrialFolder(trials, result["number"])
            (folder.attempt(result["attempt"]) / WEIGHTS).unlink(missing_ok=True)

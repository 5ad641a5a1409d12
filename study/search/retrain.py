"""Trainings outside the search: members fitted again, each in a folder of its own like a trial's.

Whoever calls holds the study's lock. A training that has ended is not run again; one that was
interrupted goes on from its checkpoint.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from runners.device import default_slots
from runners.engines.engine import MAX_LOSSES, Engine, Event
from runners.engines.local import LocalEngine
from runners.job import Job
from search_spaces.backbones.backbones import Timm
from search_spaces.spec import TrialSpec
from study.config import StudyConfig
from study.planning.plan import Plan
from study.planning.pretrained import weights_key
from study.results.trial_folder import TrialFolder
from study.search.attempts import newest_checkpoint, settle, was_split

__all__ = ["Training", "TrainingFolder", "open_engine", "run_trainings", "weights_of"]


class TrainingFolder(TrialFolder):
    """A folder as a trial's, under any path.

    Args:
        path: The folder.
        number: The trial that is trained again.
    """

    def __init__(self, path: Path, number: int) -> None:
        super().__init__(path.parent, number)
        self.path = path


@dataclass(frozen=True)
class Training:
    """One network to train.

    Args:
        folder: Where it goes.
        spec: What to train.
        task: File of the task.
        last_epoch: Where its schedule is left.
        title: What a person sees.
        weights: File of the pretrained weights, if the spec asks for them.
        accumulate: Micro-batches a batch is split into, as the trial needed them.
        about: What `spec.json` says of it beside the spec.
    """

    folder: TrainingFolder
    spec: TrialSpec
    task: Path
    last_epoch: int
    title: str
    weights: str | None = None
    accumulate: int = 1
    about: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class _Active:
    training: Training
    attempt: int
    accumulate: int


def open_engine(config: StudyConfig) -> Engine:
    """Return the engine of a study, for its search and whatever trains after it."""
    devices = default_slots()
    if config.slots is not None:
        devices = [devices[i % len(devices)] for i in range(config.slots)]
    return LocalEngine(devices, threads=config.threads, hang_s=config.hang_minutes * 60)


def weights_of(plan: Plan, spec: TrialSpec) -> str | None:
    """Return the file of the pretrained weights that a spec starts from, if it asks for any."""
    backbone = spec.backbone
    if isinstance(backbone, Timm) and backbone.pretrained is not False:
        return plan.weights[weights_key(backbone)].path
    return None


def run_trainings(
    trainings: Sequence[Training],
    engine: Engine,
    *,
    checkpoint_s: float,
    ended: Callable[[Training, dict[str, Any]], None],
) -> list[str]:
    """Run what has not ended yet; stops the engine in any case.

    Args:
        trainings: What to train.
        engine: What trains.
        checkpoint_s: Least seconds between two checkpoints.
        ended: Told the result of each that ends now.

    Returns:
        A sentence for each training that failed; the others have ended.
    """
    waiting = []
    for training in trainings:
        if _complete(training):
            settle(training.folder, training.folder.result() or {})
        else:
            waiting.append(training)
    active: dict[int, _Active] = {}
    failures: list[str] = []
    serial = 0
    try:
        while waiting or active:
            while waiting and engine.free:
                serial += 1
                active[serial] = _begin(waiting.pop(0))
                _submit(active[serial], serial, engine, checkpoint_s)
            for event in engine.poll(0.5):
                one = active.get(event["number"])
                if one is None or event["attempt"] != one.attempt:
                    continue
                if _goes_on(one, event):
                    if event["event"] in ("failed", "lost"):
                        _submit(one, event["number"], engine, checkpoint_s)
                    continue
                result = _finish(one, event)
                del active[event["number"]]
                if result["state"] == "failed":
                    failures.append(f"{one.training.title} failed: {result['reason']}")
                ended(one.training, result)
    finally:
        engine.stop()
    return failures


def _complete(training: Training) -> bool:
    result = training.folder.result()
    if result is None or result["state"] == "failed":
        return False
    attempt = training.folder.attempt(result["attempt"])
    return all((attempt / name).exists() for name in result["files"])


def _begin(training: Training) -> _Active:
    folder = training.folder
    if not folder.begun:
        folder.begin(training.spec, origin="refit", params=training.about)
    return _Active(training, folder.attempts(), max(training.accumulate, was_split(folder)))


def _submit(active: _Active, serial: int, engine: Engine, checkpoint_s: float) -> None:
    """Start the next attempt, from the last checkpoint there is."""
    training, folder = active.training, active.training.folder
    checkpoint = newest_checkpoint(folder, active.attempt)
    active.attempt += 1
    engine.submit(
        Job(
            number=serial,
            attempt=active.attempt,
            spec=training.spec,
            task=str(training.task),
            folder=str(folder.attempt(active.attempt)),
            weights=training.weights,
            last_epoch=training.last_epoch,
            accumulate=active.accumulate,
            checkpoint=checkpoint,
            checkpoint_s=checkpoint_s,
        )
    )


def _goes_on(active: _Active, event: Event) -> bool:
    """Note an event; return whether the training goes on, perhaps with another attempt."""
    kind, folder = event["event"], active.training.folder
    if kind in ("start", "resumed", "epoch"):
        folder.log({k: v for k, v in event.items() if k != "number"})
        return True
    if kind == "done":
        return False
    fault = event.get("kind", "lost")
    memory_again = fault == "memory" and active.accumulate == 1
    losses = sum(e.get("event") == "retry" and e.get("kind") == "lost" for e in folder.events())
    if not memory_again and not (fault == "lost" and losses < MAX_LOSSES):
        return False
    folder.log(
        {"event": "retry", "attempt": active.attempt, "kind": fault, "reason": event["reason"]}
    )
    if memory_again:
        active.accumulate = 2
    return True


def _finish(active: _Active, event: Event) -> dict[str, Any]:
    """Write the result of a training: from here on it has ended."""
    training, spec = active.training, active.training.spec
    folder = training.folder
    failed = event["event"] != "done"
    result = {
        "format": 1,
        "number": folder.number,
        **training.about,
        "state": "failed" if failed else "complete",
        "reason": event.get("reason"),
        "attempt": active.attempt,
        "name": spec.label,
        "spec_digest": spec.digest,
        "last_epoch": event.get("best_epoch"),
        "epochs": event.get("epochs"),
        "uar_per_epoch": event.get("uar_per_epoch", []),
        "train_loss_per_epoch": event.get("train_loss_per_epoch", []),
        "seconds": event.get("seconds"),
        "device": event.get("device"),
        "n_parameters": event.get("n_parameters"),
        "files": event.get("files", {}),
    }
    folder.finish(result)
    settle(folder, result)
    return result

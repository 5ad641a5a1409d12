"""Trainings outside the search: members fitted again, each in a folder of its own like a trial's.

Whoever calls holds the study's lock. A training that has ended is not run again; one that was
interrupted goes on from its checkpoint.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from runners.device import default_slots
from runners.engines.engine import Engine, Event
from runners.engines.local import LocalEngine
from search_spaces.spec import TrialSpec
from study.config import StudyConfig
from study.results.trial_folder import TrialFolder
from study.search.attempts import ONGOING, Attempts, clean_up


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

    def result(self) -> dict[str, Any] | None:
        """Return what came of the training; None where it has to run (again)."""
        result = self.folder.result()
        if result is None or result["state"] == "failed":
            return None
        attempt = self.folder.attempt(result["attempt"])
        return result if all((attempt / name).exists() for name in result["files"]) else None

    def begin(self) -> Attempts:
        """Write the training down, or take it up where an earlier command left it."""
        return Attempts.begin(
            self.folder, self.spec, origin="refit", params=self.about, accumulate=self.accumulate
        )


def open_engine(config: StudyConfig) -> Engine:
    """Return the engine of a study, for its search and whatever trains after it."""
    devices = default_slots()
    if config.slots is not None:
        devices = [devices[i % len(devices)] for i in range(config.slots)]
    return LocalEngine(devices, threads=config.threads, hang_s=config.hang_minutes * 60)


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
        ended: Is given the result of each that ends now.

    Returns:
        A sentence for each training that failed; the others have ended.
    """
    waiting = []
    for training in trainings:
        if (result := training.result()) is not None:
            clean_up(training.folder, result)
        else:
            waiting.append(training)
    active: dict[int, tuple[Training, Attempts]] = {}
    failures: list[str] = []
    numbers = itertools.count(1)  # a trial may be trained several times, with several seeds

    def submit(number: int) -> None:
        training, attempts = active[number]
        job = attempts.next_job(
            number,
            task=training.task,
            weights=training.weights,
            last_epoch=training.last_epoch,
            checkpoint_s=checkpoint_s,
        )
        engine.submit(job)

    try:
        while waiting or active:
            while waiting and engine.free:
                training, number = waiting.pop(0), next(numbers)
                active[number] = training, training.begin()
                submit(number)
            for event in engine.poll(0.5):
                number = event["number"]
                if number not in active or event["attempt"] != active[number][1].attempt:
                    continue
                training, attempts = active[number]
                if event["event"] in ONGOING:
                    attempts.log(event)
                elif event["event"] != "done" and attempts.try_again(event) is not None:
                    submit(number)
                else:
                    del active[number]
                    result = _finish(training, attempts, event)
                    if result["state"] == "failed":
                        failures.append(f"{training.title} failed: {result['reason']}")
                    ended(training, result)
    finally:
        engine.stop()
    return failures


def _finish(training: Training, attempts: Attempts, end: Event) -> dict[str, Any]:
    """Write the result of a training: from here on it has ended."""
    result = attempts.result(end, **training.about, last_epoch=end.get("best_epoch"))
    training.folder.finish(result)
    clean_up(training.folder, result)
    return result

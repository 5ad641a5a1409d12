"""Weights that were not kept, trained again: the same trial gives the same network.

A study keeps the weights of its best trials only. Where the fusion needs others, their trials are
trained again up to their best epoch; on a CPU with as many threads that gives the same bytes.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from runners.npy_files import load_array
from runners.trial import WEIGHTS
from search_spaces.grammar.errors import InputError
from search_spaces.spec import TrialSpec
from study.files import file_sha256, new_file, read_json, write_json
from study.planning.plan import Plan
from study.results import StudyResults, TrialRecord
from study.search.attempts import Retry
from study.search.retrain import Training, TrainingFolder, open_engine, run_trainings

NOTE = "restored.json"


class Restored(NamedTuple):
    """What came of training a trial again.

    Args:
        trial: Its number.
        same: Whether the weights are the same bytes.
        difference: The largest difference of any stored probability, devel or test.
    """

    trial: int
    same: bool
    difference: float

    def sentence(self) -> str:
        """Say how good it is."""
        if self.same:
            return f"trial {self.trial:03d}: trained again, bit for bit"
        return (
            f"trial {self.trial:03d}: trained again, its probabilities differ from the stored ones"
            f" by up to {self.difference:.2g} (another machine, or a GPU)"
        )


def missing_weights(results: StudyResults, trials: Sequence[int]) -> list[int]:
    """Return those of the trials whose weights are not there."""
    return [n for n in trials if not results.trial(n).file(WEIGHTS).exists()]


def restore_weights(
    plan: Plan, results: StudyResults, trials: Sequence[int], *, echo: Callable[[str], None] = print
) -> list[Restored]:
    """Train trials again whose weights are gone; the caller holds the study's lock.

    Args:
        plan: The study.
        results: What is stored of it.
        trials: Their numbers; those whose weights are there are left alone.
        echo: Prints a line.

    Raises:
        InputError: If a training fails.
    """
    missing = missing_weights(results, trials)
    if not missing:
        return []
    folder = plan.folder / "refit"
    folder.mkdir(exist_ok=True)
    plan.task.write(folder / "task-train.json")
    trainings = [_training(plan, results.trial(n)) for n in missing]
    echo(f"training {len(trainings)} trials again whose weights were not kept")
    failures = run_trainings(
        trainings,
        open_engine(plan.config),
        checkpoint_s=plan.config.checkpoint_seconds,
        ended=lambda training, result: echo(f"{training.title}: {result['state']}"),
    )
    if failures:
        raise InputError(failures)
    restored = [_put_back(results.trial(t.folder.number), t.folder) for t in trainings]
    for trial in restored:
        echo(trial.sentence())
    return restored


def restored_note(trial: TrialRecord) -> dict[str, Any] | None:
    """Return what is noted of a trial whose weights were trained again."""
    try:
        plain = read_json(trial.folder / NOTE)
    except (OSError, ValueError):
        return None
    return plain if isinstance(plain, dict) else None


def _training(plan: Plan, trial: TrialRecord) -> Training:
    spec = TrialSpec.from_dict(trial.spec)
    return Training(
        TrainingFolder(plan.folder / "refit" / f"{trial.number:05d}" / "train", trial.number),
        spec,
        plan.folder / "refit" / "task-train.json",
        last_epoch=trial.best_epoch or 1,
        title=f"trial {trial.number:03d} {trial.name}, again",
        weights=plan.weights_file(spec),
        accumulate=Retry.from_events(trial.events).accumulate,
        about={"trial": trial.number, "seed": spec.seed, "protocol": "train"},
    )


def _put_back(trial: TrialRecord, folder: TrainingFolder) -> Restored:
    """Compare with what is stored, and put the weights where they were."""
    result = folder.result() or {}
    attempt = folder.attempt(result["attempt"])
    stored = load_array(trial.file("devel.npy"), mapped=True)[(trial.best_epoch or 1) - 1]
    fresh = load_array(attempt / "devel.npy", mapped=True)[result["last_epoch"] - 1]
    difference = _difference(stored, fresh)
    if (attempt / "test.npy").exists() and trial.file("test.npy").exists():
        tests = [load_array(p) for p in (trial.file("test.npy"), attempt / "test.npy")]
        difference = max(difference, _difference(*tests))
    weights = attempt / WEIGHTS
    same = file_sha256(weights) == trial.files.get(WEIGHTS)
    note = {"format": 1, "same_bytes": same, "max_difference": difference}
    write_json(trial.folder / NOTE, note | {"device": result["device"]})
    with weights.open("rb") as source, new_file(trial.file(WEIGHTS)) as file:
        shutil.copyfileobj(source, file)
    shutil.rmtree(folder.path)
    return Restored(trial.number, same, difference)


def _difference(first: Any, second: Any) -> float:
    return float(np.abs(first.astype(np.float64) - second.astype(np.float64)).max(initial=0.0))

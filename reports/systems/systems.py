"""What the fusion and the best single model said about each devel clip."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from study.results import StudyResults, TrialRecord
from study.results.predictions import Predictions, fusion_predictions, trial_predictions

__all__ = [
    "System",
    "best_single_on_devel",
    "devel_probabilities",
    "fusion_on_devel",
    "systems_on_devel",
]


class System(NamedTuple):
    """Predictions for the labelled devel clips, row by row."""

    title: str
    classes: tuple[str, ...]
    file_names: tuple[str, ...]
    labels: tuple[str, ...]
    predictions: tuple[str, ...]
    confidences: tuple[float, ...]  # probability of the predicted class


def systems_on_devel(results: StudyResults) -> tuple[System, ...]:
    """The fusion and the best single model, as far as there are any, with at least one clip."""
    both = (fusion_on_devel(results), best_single_on_devel(results))
    return tuple(system for system in both if system is not None and system.labels)


def fusion_on_devel(results: StudyResults) -> System | None:
    """The fusion's devel predictions, from `ensemble/predictions_devel.csv`.

    Raises:
        InputError: The file is not as spectune writes it.
    """
    found = fusion_predictions(results, "devel")
    if found is None or results.ensemble is None:
        return None
    return _system(_fusion_title(results.ensemble.n_members), results.classes, found)


def best_single_on_devel(results: StudyResults) -> System | None:
    """The devel predictions of the best trial's best epoch; None where they were not kept."""
    best = results.best
    if best is None or "devel" not in results.partitions or not best.file("devel.npy").is_file():
        return None
    return trial_on_devel(results, best)


def trial_on_devel(results: StudyResults, trial: TrialRecord) -> System:
    """The devel predictions of a trial's best epoch.

    Raises:
        InputError: The array does not fit the study's clips and classes.
    """
    found = trial_predictions(results, trial, "devel")
    return _system(f"Best single, trial {trial.number}", results.classes, found)


def _system(title: str, classes: tuple[str, ...], found: Predictions) -> System:
    """A system on the clips whose labels are known."""
    kept = [row for row, label in enumerate(found.labels) if label]
    place = {name: column for column, name in enumerate(classes)}
    return System(
        title=title,
        classes=classes,
        file_names=tuple(found.file_names[row] for row in kept),
        labels=tuple(found.labels[row] for row in kept),
        predictions=tuple(found.predictions[row] for row in kept),
        confidences=tuple(
            float(found.probabilities[row, place[found.predictions[row]]]) for row in kept
        ),
    )


def devel_probabilities(results: StudyResults, trial: TrialRecord) -> NDArray[np.float64]:
    """The devel probabilities of a trial's best epoch, (clips, classes), from `devel.npy`.

    Raises:
        InputError: The array does not fit the study's clips and classes.
    """
    return trial_predictions(results, trial, "devel").probabilities


def _fusion_title(members: int) -> str:
    return "Fusion of one model" if members == 1 else f"Fusion of {members}"

"""What the fusion and the best single model said about each devel clip."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from study.results import StudyResults
from study.results.predictions import Predictions, fusion_predictions, trial_predictions


class System(NamedTuple):
    """Predictions for the labelled devel clips, row by row."""

    title: str
    classes: tuple[str, ...]
    file_names: tuple[str, ...]
    labels: tuple[str, ...]
    predictions: tuple[str, ...]
    confidences: tuple[float, ...]  # probability of the predicted class


def systems_on_devel(results: StudyResults) -> tuple[System, ...]:
    """The fusion and the best trial at its best epoch, as far as their predictions are kept.

    Raises:
        InputError: A file of predictions is not as spectune writes it, or does not fit the clips.
    """
    ensemble, best = results.ensemble, results.best
    found = []
    fused = fusion_predictions(results, "devel")
    if fused is not None and ensemble is not None:
        n = ensemble.n_members
        title = "Fusion of one model" if n == 1 else f"Fusion of {n}"
        found.append(_system(title, results.classes, fused))
    if best is not None and "devel" in results.partitions:
        trials = [results.trial(number) for number in results.system_of(best).trials]
        if all(trial.file("devel.npy").is_file() for trial in trials):
            title = f"Best single, trial {best.number}"
            title += f" ({len(trials)} trainings)" if len(trials) > 1 else ""
            each = [trial_predictions(results, trial, "devel") for trial in trials]
            found.append(_system(title, results.classes, _averaged(each, results.classes)))
    return tuple(system for system in found if system.labels)


def _averaged(each: Sequence[Predictions], classes: tuple[str, ...]) -> Predictions:
    """The mean of several trainings' probabilities, as the fusion takes it."""
    mean = np.mean([one.probabilities for one in each], axis=0)
    names = tuple(classes[place] for place in mean.argmax(axis=1))
    return each[0]._replace(predictions=names, probabilities=mean)


def _system(title: str, classes: tuple[str, ...], found: Predictions) -> System:
    """A system on the clips whose labels are known."""
    kept = [row for row, label in enumerate(found.labels) if label]
    predictions = [found.predictions[row] for row in kept]
    columns = [classes.index(name) for name in predictions]
    return System(
        title=title,
        classes=classes,
        file_names=tuple(found.file_names[row] for row in kept),
        labels=tuple(found.labels[row] for row in kept),
        predictions=tuple(predictions),
        confidences=tuple(found.probabilities[kept, columns].tolist()),
    )

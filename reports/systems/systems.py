"""What the fusion and the best single model said about each devel clip."""

from __future__ import annotations

from typing import NamedTuple

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
    if best is not None and "devel" in results.partitions and best.file("devel.npy").is_file():
        single = trial_predictions(results, best, "devel")
        found.append(_system(f"Best single, trial {best.number}", results.classes, single))
    return tuple(system for system in found if system.labels)


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

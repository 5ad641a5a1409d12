"""What the fusion and the best single model said about each devel clip."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from search_spaces.grammar.errors import InputError
from study.files import read_rows
from study.files.csv_files import spreadsheet_plain
from study.results import StudyResults, TrialRecord
from study.results.probabilities import load_epoch

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
    path = results.folder / "ensemble" / "predictions_devel.csv"
    if results.ensemble is None or not path.is_file():
        return None
    table = read_rows(path)
    every = (
        dict(zip(table.header, map(spreadsheet_plain, row), strict=True)) for row in table.rows
    )
    rows = [row for row in every if row.get("label")]
    try:
        return System(
            title=_fusion_title(results.ensemble.n_members),
            classes=results.classes,
            file_names=tuple(row["file_name"] for row in rows),
            labels=tuple(row["label"] for row in rows),
            predictions=tuple(row["prediction"] for row in rows),
            confidences=tuple(float(row[f"prob_{row['prediction']}".strip()]) for row in rows),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{path}: needs the columns file_name, label, prediction and prob_<class> ({error!r})"
        ) from error


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
    clips = results.partitions["devel"].clips
    values = devel_probabilities(results, trial)
    chosen = values.argmax(axis=1)
    labelled = [row for row, clip in enumerate(clips) if clip.label is not None]
    return System(
        title=f"Best single, trial {trial.number}",
        classes=results.classes,
        file_names=tuple(clips[row].file_name for row in labelled),
        labels=tuple(clips[row].label or "" for row in labelled),
        predictions=tuple(results.classes[chosen[row]] for row in labelled),
        confidences=tuple(float(values[row, chosen[row]]) for row in labelled),
    )


def devel_probabilities(results: StudyResults, trial: TrialRecord) -> NDArray[np.floating]:
    """The devel probabilities of a trial's best epoch, (clips, classes), from `devel.npy`.

    Raises:
        InputError: The array does not fit the study's clips and classes.
    """
    path, clips = trial.file("devel.npy"), results.partitions["devel"].clips
    return load_epoch(path, trial.best_epoch or 1, clips=len(clips), classes=len(results.classes))


def _fusion_title(members: int) -> str:
    return "Fusion of one model" if members == 1 else f"Fusion of {members}"

"""What a fusion or a trial said about each clip of devel or test, read back."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from search_spaces.grammar.errors import InputError
from study.files import read_rows
from study.files.csv_files import spreadsheet_plain
from study.results.clips_json import ClipRow
from study.results.probabilities import load_epoch, load_test
from study.results.study_results import StudyResults
from study.results.trial_record import TrialRecord


class Predictions(NamedTuple):
    """Of every clip of a partition, in its order.

    Args:
        file_names: (clips,).
        labels: Class names, empty where the label is blind, (clips,).
        predictions: Class names, (clips,).
        probabilities: (clips, classes).
    """

    file_names: tuple[str, ...]
    labels: tuple[str, ...]
    predictions: tuple[str, ...]
    probabilities: NDArray[np.float64]


def fusion_predictions(results: StudyResults, partition: str) -> Predictions | None:
    """Read `ensemble/predictions_<partition>.csv`; None where there is no fusion or no such file.

    Raises:
        InputError: The file is not as spectune writes it.
    """
    path = results.folder / "ensemble" / f"predictions_{partition}.csv"
    if results.ensemble is None or not path.is_file():
        return None
    table = read_rows(path)
    rows = [dict(zip(table.header, map(spreadsheet_plain, row), strict=True)) for row in table.rows]
    columns = [f"prob_{name}".strip() for name in results.classes]
    try:
        found = Predictions(
            tuple(row["file_name"] for row in rows),
            tuple(row["label"] for row in rows),
            tuple(row["prediction"] for row in rows),
            np.array([[float(row[name]) for name in columns] for row in rows]),
        )
        if unknown := {*found.predictions} - {*results.classes}:
            raise ValueError(f"no class {unknown.pop()!r:.80}")
    except (KeyError, ValueError) as error:
        raise InputError(
            f"{path}: needs the columns file_name, label, prediction and prob_<class> ({error!r})"
        ) from error
    return found


def trial_predictions(results: StudyResults, trial: TrialRecord, partition: str) -> Predictions:
    """Read a trial's predictions, those of its best epoch.

    Raises:
        InputError: The trial has none, or they do not fit the study's clips and classes.
    """
    clips = _clips(results, partition)
    sizes = {"clips": len(clips), "classes": len(results.classes)}
    path = trial.file(f"{partition}.npy")
    if not path.is_file():
        raise InputError(f"{path}: trial {trial.number} ({trial.state}) has no such predictions")
    if partition == "devel":
        values = load_epoch(path, trial.best_epoch or 1, **sizes).astype(np.float64)
    else:
        values = load_test(path, **sizes).astype(np.float64)
    return Predictions(
        tuple(clip.file_name for clip in clips),
        tuple(clip.label or "" for clip in clips),
        tuple(results.classes[place] for place in values.argmax(axis=1)),
        values,
    )


def _clips(results: StudyResults, partition: str) -> tuple[ClipRow, ...]:
    if partition not in results.partitions:
        known = ", ".join(results.partitions) or "none"
        raise InputError(f"{results.folder}: there are no clips of {partition}, only {known}")
    return results.partitions[partition].clips

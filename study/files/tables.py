"""Prediction tables as CSV text."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

from study.files.csv_files import spreadsheet_safe

if TYPE_CHECKING:  # the room is read by commands that answer at once
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["predictions_csv"]


def predictions_csv(
    names: Sequence[str],
    labels: Sequence[str],
    classes: Sequence[str],
    probabilities: NDArray[np.float64],
) -> str:
    """Return `file_name,label,prediction,prob_<class>...`; `label` is empty where it is blind.

    Args:
        names: File names, (clips,).
        labels: Class names or empty, (clips,).
        classes: Class names, in the order of the last axis.
        probabilities: (clips, classes).
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    header = [spreadsheet_safe(f"prob_{name}") for name in classes]
    writer.writerow(["file_name", "label", "prediction", *header])
    guesses = probabilities.argmax(1)
    for name, label, guess, row in zip(names, labels, guesses, probabilities, strict=True):
        cells = [name, label, classes[guess]]
        writer.writerow([*map(spreadsheet_safe, cells), *(f"{p:.6f}" for p in row)])
    return out.getvalue()

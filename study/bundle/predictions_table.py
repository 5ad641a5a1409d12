"""What `spectune predict` writes, and what it tells where the clips have labels."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from study.bundle.predict_inputs import Item
from study.corpus.layouts.rows import segment_name, split_segment
from study.files import predictions_csv
from study.metrics import confusion_matrix, interval
from study.results.probabilities import all_known
from study.text import aligned, first_of, plural, printable


def clips_table(
    items: Sequence[Item], classes: Sequence[str], probabilities: NDArray[np.float64]
) -> str:
    """Return predictions of clips as CSV, with the other columns of their manifest.

    Args:
        items: The clips.
        classes: Class names.
        probabilities: (clips, classes).
    """
    names, labels = [item.name for item in items], [item.label for item in items]
    return predictions_csv(names, labels, classes, probabilities, [item.others for item in items])


def windows_table(
    windows: Sequence[tuple[Item, float, float]],
    classes: Sequence[str],
    probabilities: NDArray[np.float64],
) -> str:
    """Return predictions of windows as CSV, with their `start` and `end` in seconds of the file.

    Args:
        windows: Each window's clip, and its start and end in seconds of that clip.
        classes: Class names.
        probabilities: (windows, classes).
    """
    names, labels, others = [], [], []
    for item, start, end in windows:
        begin = item.start or 0.0
        times = round(begin + start, 6), round(begin + end, 6)
        names.append(segment_name(split_segment(item.name)[0], *times))
        labels.append(item.label)
        others.append({**item.others, "start": str(times[0]), "end": str(times[1])})
    return predictions_csv(names, labels, classes, probabilities, others)


def figures_lines(
    items: Sequence[Item], classes: Sequence[str], probabilities: NDArray[np.float64]
) -> list[str]:
    """Return UAR with its interval and the confusion matrix of the clips that have a label.

    Nothing where none has. A label that is no class is named, and counts in no figure.

    Args:
        items: The clips.
        classes: Class names.
        probabilities: (clips, classes).
    """
    known = np.array([item.label in classes for item in items], bool)
    others = Counter(
        item.label for item, own in zip(items, known, strict=True) if item.label and not own
    )
    lines = []
    if known.any():
        judged = [item for item, own in zip(items, known, strict=True) if own]
        labels = [item.label for item in judged]
        guesses = [classes[i] for i in probabilities[known].argmax(1)]
        speakers = all_known(item.speaker for item in judged)
        found = interval(labels, guesses, speakers)
        if found.low is None:  # why, but not what a study could do about it
            found = dataclasses.replace(found, note=found.note.partition(";")[0])
        lines.append(found.sentence())
        counts = confusion_matrix(labels, guesses, classes).tolist()
        rows = [("label \\ predicted", *map(printable, classes))]
        rows += [
            (printable(name), *map(str, own)) for name, own in zip(classes, counts, strict=True)
        ]
        lines += [f"    {line}" for line in aligned(rows)]
    if others:
        some = first_of([f"{printable(label)!r} ({n:,})" for label, n in others.most_common()], 3)
        what = f"{plural(others.total(), 'clip')} with a label that is no class of the bundle"
        lines.append(f"{what} in no figure: {some}")
    return lines

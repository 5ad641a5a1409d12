"""Unweighted average recall (UAR), the objective of every study, and its confusion matrix.

The values are those of scikit-learn's `balanced_accuracy_score`: the mean of the recalls of the
classes that occur in the labels. Classes that do not occur are dropped with a warning.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


def _as_labels(values: ArrayLike, name: str) -> NDArray[Any]:
    array = np.asarray(values)
    if array.ndim != 1:
        raise ValueError(f"{name} must have one axis (clips), got shape {array.shape}")
    if array.dtype == object:
        if any(not isinstance(value, str) for value in array):
            raise ValueError(f"{name} must be strings or integers throughout, got a mixture")
        return array.astype(str)
    if np.issubdtype(array.dtype, np.floating):
        if not np.isfinite(array).all():
            raise ValueError(f"{name} must not contain NaN or infinity")
        if (array != np.floor(array)).any():
            raise ValueError(f"{name} must be strings or integers, got fractions")
        return array.astype(np.int64)
    return array


def _class_indices(
    labels: ArrayLike, predictions: ArrayLike, classes: ArrayLike | None
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[Any]]:
    truth, guess = _as_labels(labels, "labels"), _as_labels(predictions, "predictions")
    if truth.shape != guess.shape:
        raise ValueError(
            f"labels and predictions must have the same length, got {truth.size} and {guess.size}"
        )
    if truth.size == 0:
        raise ValueError("labels must hold at least one clip, got none")
    if (truth.dtype.kind == "U") != (guess.dtype.kind == "U"):
        raise ValueError(
            "labels and predictions must both be strings or both be integers, "
            f"got {truth.dtype} and {guess.dtype}"
        )
    both = np.concatenate([truth, guess])
    names = np.unique(both) if classes is None else _as_labels(classes, "classes")
    order = np.argsort(names)
    if (names[order][1:] == names[order][:-1]).any():
        raise ValueError(f"classes must be distinct, got {list(names)}")
    unknown = both
    if names.size and (names.dtype.kind == "U") == (both.dtype.kind == "U"):
        indices = order[np.searchsorted(names[order], both).clip(max=names.size - 1)]
        unknown = both[names[indices] != both]
    if unknown.size:
        raise ValueError(f"classes must hold every label, got {list(names)} without {unknown[0]!r}")
    return indices[: truth.size], indices[truth.size :], names


def confusion_matrix(
    labels: ArrayLike, predictions: ArrayLike, classes: ArrayLike | None = None
) -> NDArray[np.int64]:
    """Counts of clips, (classes, classes): rows are labels, columns predictions.

    Args:
        labels: True classes, (clips,), integers or strings.
        predictions: Predicted classes, (clips,).
        classes: Order of the classes; sorted (strings by code point) over both when None.

    Raises:
        ValueError: When lengths differ, there are no clips, a value is NaN, or a class is unknown.

    >>> confusion_matrix(["a", "a", "b"], ["a", "b", "b"]).tolist()
    [[1, 1], [0, 1]]
    """
    truth, guess, names = _class_indices(labels, predictions, classes)
    counts = np.bincount(truth * names.size + guess, minlength=names.size**2)
    return counts.reshape(names.size, names.size).astype(np.int64)


def recall_per_class(
    labels: ArrayLike, predictions: ArrayLike, classes: ArrayLike | None = None
) -> NDArray[np.float64]:
    """Fraction of every class's clips that were recognised, (classes,); NaN for an absent class.

    Raises:
        ValueError: As `confusion_matrix`.
    """
    return _recalls(confusion_matrix(labels, predictions, classes))


def _recalls(matrix: NDArray[Any]) -> NDArray[np.float64]:
    correct = np.diagonal(matrix, axis1=-2, axis2=-1).astype(np.float64)
    totals = matrix.sum(axis=-1)
    recalls = np.full(correct.shape, np.nan)
    np.divide(correct, totals, out=recalls, where=totals > 0)
    return recalls


def uar_from_confusion(matrix: NDArray[Any]) -> NDArray[np.float64]:
    """UAR of confusion matrices, (..., classes, classes) -> (...); silent about absent classes.

    A matrix without clips has UAR NaN.
    """
    recalls = _recalls(matrix)
    present = ~np.isnan(recalls)
    n_present = present.sum(axis=-1)
    uar = np.full(n_present.shape, np.nan)
    np.divide(np.where(present, recalls, 0.0).sum(axis=-1), n_present, out=uar, where=n_present > 0)
    return uar


def unweighted_average_recall(
    labels: ArrayLike, predictions: ArrayLike, classes: ArrayLike | None = None
) -> float:
    """Mean of the recalls of the classes that occur in `labels`, in [0, 1].

    UAR = 1/C * sum_c k_c / n_c, with k_c of the n_c clips of class c recognised; the same as
    scikit-learn's `balanced_accuracy_score`.

    Args:
        labels: True classes, (clips,), integers or strings.
        predictions: Predicted classes, (clips,).
        classes: All classes there are; those that do not occur are dropped with a warning.

    Raises:
        ValueError: As `confusion_matrix`.

    >>> unweighted_average_recall(["a", "a", "a", "b"], ["a", "a", "b", "b"])
    0.8333333333333333
    """
    truth, guess, names = _class_indices(labels, predictions, classes)
    totals = np.bincount(truth, minlength=names.size)
    absent = names[totals == 0]
    if absent.size:
        warnings.warn(
            f"classes without a clip are left out of the UAR: {', '.join(map(str, absent))}",
            UserWarning,
            stacklevel=2,
        )
    correct = np.bincount(truth[truth == guess], minlength=names.size)
    present = totals > 0
    return float((correct[present] / totals[present]).mean())


def uar_of_probabilities(probabilities: ArrayLike, labels: ArrayLike) -> NDArray[np.float64]:
    """UAR of the most probable class, for many members or epochs at once.

    Equal probabilities go to the first class, as with `numpy.argmax`.

    Args:
        probabilities: (..., clips, classes).
        labels: Class indices, (clips,), of the last axis.

    Returns:
        UAR, (...).

    Raises:
        ValueError: When shapes do not fit, there are no clips, a value is NaN, or an index is
            outside the classes.
    """
    values = np.asarray(probabilities)
    truth = check_class_indices(labels, values.shape[-2:])
    if np.isnan(values).any():
        raise ValueError("probabilities must not contain NaN")
    return uar_of_correct(truth, argmax_last(values) == truth)


def uar_of_correct(labels: NDArray[Any], correct: NDArray[Any]) -> NDArray[np.float64]:
    """UAR of what is correct (or how often, in [0, 1]), (..., clips) -> (...)."""
    recalls = [correct[..., labels == name].mean(axis=-1) for name in np.unique(labels)]
    return np.asarray(np.mean(recalls, axis=0), dtype=np.float64)


def check_class_indices(labels: ArrayLike, shape: Sequence[int]) -> NDArray[np.intp]:
    """Labels as class indices of probabilities whose last two axes are (clips, classes).

    Raises:
        ValueError: When they do not fit, or there are no clips.
    """
    indices = _as_labels(labels, "labels")
    if indices.dtype.kind not in "iub" or len(shape) != 2:
        raise ValueError(
            "labels must be class indices for probabilities of (..., clips, classes), "
            f"got dtype {indices.dtype} and last axes {tuple(shape)}"
        )
    if indices.size != shape[0]:
        raise ValueError(
            f"labels must have one class index per clip, got {indices.size} for {shape[0]} clips"
        )
    if indices.size == 0:
        raise ValueError("labels must hold at least one clip, got none")
    if indices.min() < 0 or indices.max() >= shape[1]:
        raise ValueError(
            "labels must be class indices in "
            f"[0, {shape[1]}), got {indices.min()} to {indices.max()}"
        )
    return indices.astype(np.intp)


def argmax_last(values: NDArray[Any]) -> NDArray[np.intp]:
    """`argmax` over the last axis; of two classes one comparison per clip is faster."""
    if values.shape[-1] == 2:
        return (values[..., 1] > values[..., 0]).astype(np.intp)
    return np.asarray(values.argmax(axis=-1))

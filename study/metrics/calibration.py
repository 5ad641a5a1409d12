"""How often a system is right beside how sure it is."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from study.metrics.uar import check_class_indices


def expected_calibration_error(
    probabilities: ArrayLike, labels: ArrayLike, *, n_bins: int = 15
) -> float:
    """Mean distance of confidence and accuracy over equal bins of confidence, in [0, 1].

    With the clips whose largest probability lies in ((b - 1) / B, b / B] in bin b,
    ECE = sum_b n_b / n * |accuracy_b - confidence_b|, 0 where a system is right as often as it
    says (Guo et al., "On calibration of modern neural networks", ICML 2017).

    Args:
        probabilities: (clips, classes).
        labels: Class indices, (clips,).
        n_bins: Number of bins, B.

    Raises:
        ValueError: When the shapes do not fit, there are no clips, a value is NaN, or `n_bins` is
            below 1.

    >>> expected_calibration_error([[0.75, 0.25], [0.75, 0.25]], [0, 1])
    0.25
    """
    if n_bins < 1:
        raise ValueError(f"n_bins must be at least 1, got n_bins={n_bins}")
    values = np.asarray(probabilities, dtype=np.float64)
    truth = check_class_indices(labels, values.shape)
    if np.isnan(values).any():
        raise ValueError("probabilities must not contain NaN")
    confidence, correct = values.max(axis=-1), values.argmax(axis=-1) == truth
    bins = np.clip(np.ceil(confidence * n_bins).astype(np.intp) - 1, 0, n_bins - 1)
    distance = np.bincount(bins, correct - confidence, minlength=n_bins)
    return float(np.abs(distance).sum() / truth.size)

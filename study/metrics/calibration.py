"""How often a system is right beside how sure it is."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from study.metrics.uar import check_codes

__all__ = ["expected_calibration_error"]


def expected_calibration_error(
    probabilities: ArrayLike, labels: ArrayLike, *, n_bins: int = 15
) -> float:
    """Mean distance of confidence and accuracy over equal bins of confidence, in [0, 1].

    Args:
        probabilities: (clips, classes).
        labels: Codes, (clips,).
        n_bins: Number of bins (lower, upper].

    Raises:
        ValueError: When the shapes do not fit, there are no clips, or `n_bins` is below 1.
    """
    if n_bins < 1:
        raise ValueError(f"n_bins must be at least 1, got n_bins={n_bins}")
    values = np.asarray(probabilities, dtype=np.float64)
    codes = check_codes(labels, values.shape)
    if np.isnan(values).any():
        raise ValueError("probabilities must not contain NaN")
    confidence, right = values.max(axis=-1), values.argmax(axis=-1) == codes
    bins = np.clip(np.ceil(confidence * n_bins).astype(np.intp) - 1, 0, n_bins - 1)
    distance = np.bincount(bins, right - confidence, minlength=n_bins)
    return float(np.abs(distance).sum() / codes.size)

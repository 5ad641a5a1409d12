"""What a clip loses, and means per class over clips."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]

DIGITS = 5
LEAST_PROBABILITY = 1e-4


class Profile(NamedTuple):
    """Means of the clips of each class, and in the last row the mean of these means.

    Args:
        mean: (classes + 1, bands); NaN for a class without a clip.
        low: Lower bounds of the 95 % intervals, as `mean`; None without one.
        high: Upper bounds.
    """

    mean: Floats
    low: Floats | None
    high: Floats | None

    def to_json(self) -> dict[str, list[list[float | None]] | None]:
        """Return plain JSON values."""
        return {
            name: None if part is None else [rounded(row) for row in part]
            for name, part in self._asdict().items()
        }


def rounded(values: Iterable[Any]) -> list[float | None]:
    """Return numbers as JSON has them: rounded, None for what is not finite.

    >>> rounded([1 / 3, float("nan")])
    [0.33333, None]
    """
    return [round(float(value), DIGITS) if np.isfinite(value) else None for value in values]


def log_odds(probabilities: Floats, labels: NDArray[np.intp]) -> Floats:
    """Return the log-odds of the true class, (..., clips), of (..., clips, classes).

    Probabilities are cut at 0.0001 from both ends: one clip a network is sure of is not to
    outweigh all others.

    >>> log_odds(np.array([[0.5, 0.5]]), np.array([0])).tolist()
    [0.0]
    """
    true = probabilities[..., np.arange(len(labels)), labels]
    true = np.clip(true, LEAST_PROBABILITY, 1 - LEAST_PROBABILITY)
    return np.asarray(np.log(true / (1 - true)))


def correct(probabilities: Floats, labels: NDArray[np.intp]) -> Floats:
    """Return 1 where the true class is the most probable, else 0, (..., clips).

    >>> correct(np.array([[0.4, 0.6], [0.7, 0.3]]), np.array([1, 1])).tolist()
    [1.0, 0.0]
    """
    return np.asarray((probabilities.argmax(-1) == labels).astype(np.float64))


def sums(
    values: Floats, groups: NDArray[np.intp], labels: NDArray[np.intp], *, shape: tuple[int, int]
) -> NDArray[np.float64]:
    """Return sums (groups, classes, bands) of values (clips, bands), with the shape's first two."""
    found = np.zeros((*shape, values.shape[1]))
    np.add.at(found, (groups, labels), values)
    return found


def means(sums: Floats, counts: Floats) -> Floats:
    """Return means (..., classes + 1, bands): of each class, and of the classes that occur."""
    with np.errstate(invalid="ignore", divide="ignore"):
        by_class = sums / counts[..., None]
    known = np.isfinite(by_class)
    together = np.where(known, by_class, 0.0).sum(-2) / known.sum(-2).clip(min=1)
    return np.concatenate([by_class, together[..., None, :]], axis=-2)

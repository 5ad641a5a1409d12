"""Classes that devel lacks: nothing there can judge them, so nothing fitted there may touch them.

To a UAR over the other classes every clip that is given such a class is wrong. Whatever is fitted
to it (coefficients, a bias, temperatures) would learn never to give it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def absent_classes(labels: NDArray[np.intp], n_classes: int) -> tuple[int, ...]:
    """Indices of the classes that no clip has.

    >>> absent_classes(np.array([0, 2, 0]), 4)
    (1, 3)
    """
    return tuple(np.setdiff1d(np.arange(n_classes), labels).tolist())


def as_average(
    fused: NDArray[np.float64], average: NDArray[np.float64], absent: Sequence[int]
) -> NDArray[np.float64]:
    """Probabilities, (clips, classes), in which some classes are as the plain average has them.

    They keep its probability, and the others share the rest as they were fused. Where either then
    gives a clip one of them, all probabilities are the average's: they are given to the clips that
    the average gives them to and to no other.

    Args:
        fused: Probabilities after all that was fitted, (clips, classes).
        average: The members' weighted average, (clips, classes).
        absent: The classes.

    >>> average = np.array([[0.4, 0.3, 0.3], [0.2, 0.5, 0.3]])
    >>> as_average(np.array([[0.0, 0.9, 0.1], [0.0, 0.2, 0.8]]), average, [0]).round(2).tolist()
    [[0.4, 0.3, 0.3], [0.2, 0.16, 0.64]]
    """
    if not absent:
        return fused
    found, columns = fused.copy(), list(absent)
    found[:, columns] = 0
    rest = average.sum(axis=1) - average[:, columns].sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        found *= (rest / found.sum(axis=1))[:, None]
    found[:, columns] = average[:, columns]
    kept = ~np.isfinite(found).all(axis=1)
    kept |= np.isin(found.argmax(axis=1), columns) | np.isin(average.argmax(axis=1), columns)
    return np.where(kept.reshape(-1, 1), average, found)

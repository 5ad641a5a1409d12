"""A linear probe, cross-fitted, and what it reaches by chance.

The probe is linear discriminant analysis with equal priors: the linear rule that is optimal for the
UAR where classes are normal with one covariance. It is closed form, so that hundreds of them, for a
permutation reference, cost a second.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

__all__ = ["N_PERMUTATIONS", "Draw", "Probed", "cross_fitted_uar", "judge"]

N_PERMUTATIONS = 199

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]


class Probed(NamedTuple):
    """What a group of measures tells about a label.

    Attributes:
        uar: Of the cross-fitted probe.
        by_chance: The UAR that the probe stays below in 99 % of the permutations.
        p: Probability that the best of all groups does as well by chance (Westfall and Young 1993,
            single-step maxT on standardised UARs).
    """

    uar: float
    by_chance: float
    p: float


class Draw(NamedTuple):
    """Labels as they are, or as they might have been by chance.

    Attributes:
        y: Class codes from 0, shape ``(clips,)``.
        fold: The fold in which a clip is judged, from 0, shape ``(clips,)``.
    """

    y: Codes
    fold: Codes


def cross_fitted_uar(x: Floats, draw: Draw) -> float:
    """UAR of the probe on clips that it was not fitted to; classes without clips do not count.

    Args:
        x: Measures, shape ``(clips, measures)``.
        draw: Labels and folds.

    >>> x = np.array([[0.0], [1.0], [0.1], [1.1], [0.2], [0.9]])
    >>> cross_fitted_uar(x, Draw(np.array([0, 1, 0, 1, 0, 1]), np.array([0, 0, 1, 1, 2, 2])))
    1.0
    """
    return _uars(_standardised(x), [slice(None)], draw)[0]


def judge(
    groups: Mapping[str, Floats],
    draw: Draw,
    permute: Callable[[Generator], Draw],
    *,
    seed: int = 0,
) -> dict[str, Probed]:
    """Probe each group of measures, and say what the probes reach on permuted labels.

    Args:
        groups: Measures by the group's name, each of shape ``(clips, measures)``.
        draw: Labels and folds.
        permute: Draws labels as they might have been, were nothing but chance at work.
        seed: Of the permutations.
    """
    if not groups:
        return {}
    parts = [_standardised(x) for x in groups.values()]
    ends = np.cumsum([0, *(part.shape[1] for part in parts)]).tolist()
    columns = [slice(a, b) for a, b in itertools.pairwise(ends)]
    x = np.concatenate(parts, 1)
    rng = np.random.default_rng(seed)
    draws = [draw, *(permute(rng) for _ in range(N_PERMUTATIONS))]
    uars = np.array([_uars(x, columns, one) for one in draws]).T
    z = (uars - uars.mean(1, keepdims=True)) / (uars.std(1, keepdims=True) + 1e-9)
    highest = z.max(0)
    return {
        name: Probed(
            uar=float(uars[k, 0]),
            by_chance=float(np.quantile(uars[k, 1:], 0.99)),
            p=float(np.mean(highest >= z[k, 0] - 1e-9)),
        )
        for k, name in enumerate(groups)
    }


def _standardised(x: Floats) -> Floats:
    """Measures with mean 0 and spread 1, without those that are the same for every clip."""
    varied = np.ptp(x, axis=0) > 0
    kept: Floats = x[:, varied] - x[:, varied].mean(0)
    kept /= kept.std(0)
    return kept


def _uars(x: Floats, groups: Sequence[slice], draw: Draw) -> list[float]:
    """Cross-fitted UAR of each group of columns."""
    order = np.argsort(draw.fold, kind="stable")
    bounds = np.searchsorted(draw.fold[order], np.arange(int(draw.fold.max()) + 2)).tolist()
    cut = [slice(a, b) for a, b in itertools.pairwise(bounds)]
    x, y = x[order], draw.y[order]
    one_hot = np.eye(int(y.max()) + 1)[y]
    counts = np.stack([one_hot[rows].sum(0) for rows in cut])
    sums = np.stack([one_hot[rows].T @ x[rows] for rows in cut])
    moments = np.stack([x[rows].T @ x[rows] for rows in cut])
    # What the probe of each fold is fitted to is all that is in the others.
    counts, sums, moments = (every.sum(0) - every for every in (counts, sums, moments))
    n = one_hot.sum(0)
    uars = []
    for group in groups:
        weights, bias = _discriminants(moments[:, group, group], sums[..., group], counts)
        scores = [x[rows, group] @ weights[k].T + bias[k] for k, rows in enumerate(cut)]
        guess = np.concatenate(scores).argmax(1)
        hits = one_hot[guess == y].sum(0)
        uars.append(float(np.mean(hits[n > 0] / n[n > 0])))
    return uars


def _discriminants(moments: Floats, sums: Floats, counts: Floats) -> tuple[Floats, Floats]:
    """Linear discriminants, one per fold; a class without clips is never guessed.

    Args:
        moments: Second moments, shape ``(folds, measures, measures)``.
        sums: By class, shape ``(folds, classes, measures)``.
        counts: Clips by class, shape ``(folds, classes)``.

    Returns:
        Weights ``(folds, classes, measures)`` and biases ``(folds, classes)``.
    """
    means = sums / np.maximum(counts, 1.0)[..., None]
    within = moments - np.einsum("fk,fki,fkj->fij", counts, means, means)
    freedom = counts.sum(1) - np.count_nonzero(counts, axis=1)
    within = within / np.maximum(freedom, 1.0)[:, None, None] + 1e-6 * np.eye(means.shape[2])
    weights = np.linalg.solve(within, means.swapaxes(1, 2)).swapaxes(1, 2)
    bias = -0.5 * np.sum(weights * means, 2)
    return weights, np.where(counts > 0, bias, -np.inf)

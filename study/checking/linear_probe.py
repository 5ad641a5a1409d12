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

from study.metrics.exact_bounds import TINY, exact_bounds

N_PERMUTATIONS = 199
DEAR = 500_000  # clips times classes, from which permutations may end early
OFTEN = 10

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]


class Probed(NamedTuple):
    """How well a group of measures predicts a label."""

    uar: float  # of the cross-fitted probe
    # lower end of its 95 % interval over units; exact bounds where all are guessed alike
    low: float
    high: float  # upper end
    alike: bool  # whether they are
    # probability that the best of all groups does as well by chance (single-step maxT of Westfall
    # and Young 1993, on `Score.t`)
    p: float


class Draw(NamedTuple):
    """Labels as they are, or as they might have been by chance."""

    y: Codes  # class codes from 0, shape `(clips,)`
    fold: Codes  # the fold in which a clip is held out, from 0, shape `(clips,)`
    # what is independent of each other: the speaker, or else the clip; shape `(clips,)`
    unit: Codes


class Score(NamedTuple):
    """How well labels were guessed."""

    uar: float  # over all clips
    error: float  # its standard error over units
    # distance from chance in such errors, each unit's spread taken as 0.05 larger, so that a few
    # units that agree by chance do not stand out
    t: float
    freedom: int  # degrees of freedom of the error
    means: tuple[float, ...]  # of the units, or of those of each class
    sizes: tuple[int, ...]  # how many units these are


_SPREAD = 0.05


def evaluate(
    groups: Mapping[str, Floats], draw: Draw, permute: Callable[[Generator], Draw], *, seed: int = 0
) -> dict[str, Probed]:
    """Probe each group of measures, and compare with what the probes reach on permuted labels.

    With many classes and clips a permutation is dear. Then they end as soon as chance has done as
    well as each group `OFTEN` times (Besag and Clifford, "Sequential Monte Carlo p-values", 1991):
    what is rare is found by as many as always.

    Args:
        groups: Measures by the group's name, each of shape ``(clips, measures)``.
        draw: Labels, folds and units.
        permute: Draws labels as they might have been, were nothing but chance at work.
        seed: Of the permutations.
    """
    if not groups:
        return {}
    parts = [standardised(x) for x in groups.values()]
    ends = np.cumsum([0, *(part.shape[1] for part in parts)]).tolist()
    columns = [slice(a, b) for a, b in itertools.pairwise(ends)]
    x = np.concatenate(parts, 1)
    rng = np.random.default_rng(seed)
    scores = [score(right, draw) for right in cross_fitted(x, columns, draw)]
    highest = [max(one.t for one in scores)]
    seen = {_arrangement(draw.y)}
    for _ in range(N_PERMUTATIONS):
        other = permute(rng)
        if (arrangement := _arrangement(other.y)) in seen:
            continue  # few speakers have few arrangements; each counts once
        seen.add(arrangement)
        if draw.y.size * (int(draw.y.max()) + 1) > DEAR and _reached(highest, scores) >= OFTEN:
            break
        highest.append(max(score(right, other).t for right in cross_fitted(x, columns, other)))
    return {
        name: _probed(one, float(np.mean(np.array(highest) >= one.t - 1e-9)))
        for name, one in zip(groups, scores, strict=True)
    }


def score(right: NDArray[np.bool_], draw: Draw) -> Score:
    """Score guesses, shape ``(clips,)``, with an error over units.

    Units that have several classes count by their own UAR; where each has one class alone (a
    speaker is in one partition), the recalls of each class are averaged over its units.

    >>> y, unit = np.array([0, 1, 0, 1]), np.array([0, 0, 1, 1])
    >>> score(np.array([True, False, True, True]), Draw(y, unit, unit))[:2]
    (0.75, 0.25)
    """
    n_classes = int(draw.y.max()) + 1
    cell = draw.unit * n_classes + draw.y
    clips = np.bincount(cell)
    hits = np.bincount(cell[right], minlength=clips.size)
    cells = np.flatnonzero(clips)  # of many classes a unit has few
    clips, hits, (unit, code) = clips[cells], hits[cells], np.divmod(cells, n_classes)
    recall = hits / clips
    present = np.unique(code)
    per_class = np.bincount(code, hits)[present] / np.bincount(code, clips)[present]
    uar = float(per_class.mean())
    has = np.bincount(unit)
    if (has > 1).any():
        strata = [(np.bincount(unit, recall) / np.maximum(has, 1))[has > 0]]
    else:
        strata = [recall[code == k] for k in present]
    estimate = float(np.mean([one.mean() for one in strata]))

    def error(spread: float) -> float:
        variances = [(one.var(ddof=min(one.size - 1, 1)) + spread**2) / one.size for one in strata]
        return float(np.sqrt(np.sum(variances))) / len(strata)

    t = (estimate - 1 / n_classes) / error(_SPREAD)
    means, sizes = zip(*((float(one.mean()), one.size) for one in strata), strict=True)
    return Score(uar, error(0.0), t, sum(sizes) - len(sizes), means, sizes)


def _reached(highest: Sequence[float], scores: Sequence[Score]) -> int:
    """How many permutations do as well as the best group."""
    best = max(one.t for one in scores)
    return sum(one >= best - 1e-9 for one in highest[1:])


def _probed(one: Score, p: float) -> Probed:
    from scipy.special import stdtrit

    half = float(stdtrit(max(one.freedom, 1), 0.975)) * one.error
    low, high = max(one.uar - half, 0.0), min(one.uar + half, 1.0)
    alike = one.error < TINY
    if alike:
        exact = exact_bounds(one.means, one.sizes, np.array([0.025, 0.975]))
        low, high = min(low, exact[0]), max(high, exact[1])
    return Probed(one.uar, low, high, alike, p)


def _arrangement(y: Codes) -> bytes:
    """The same for labels that differ in the names of the classes alone."""
    _, first, inverse = np.unique(y, return_index=True, return_inverse=True)
    return first.argsort().argsort()[inverse].astype(np.uint16).tobytes()


def standardised(x: Floats) -> Floats:
    """Measures with mean 0 and spread 1, without those that are the same for every clip."""
    varied = np.ptp(x, axis=0) > 0
    kept: Floats = x[:, varied] - x[:, varied].mean(0)
    kept /= kept.std(0)
    return kept


def cross_fitted(x: Floats, groups: Sequence[slice], draw: Draw) -> list[NDArray[np.bool_]]:
    """Whether each clip is guessed right by the probe that was fitted to the other folds.

    Args:
        x: Measures with mean 0 and spread 1, shape ``(clips, measures)``.
        groups: The columns of each probe.
        draw: Labels and folds.

    Returns:
        Shape ``(clips,)`` for each group.
    """
    order = np.argsort(draw.fold, kind="stable")
    bounds = np.searchsorted(draw.fold[order], np.arange(int(draw.fold.max()) + 2)).tolist()
    cut = [slice(a, b) for a, b in itertools.pairwise(bounds)]
    x, y = x[order], draw.y[order]
    n_classes = int(y.max()) + 1
    cell, shape = draw.fold[order] * n_classes + y, (len(cut), n_classes)
    size = len(cut) * n_classes
    counts = np.bincount(cell, minlength=size).reshape(shape).astype(np.float64)
    sums = np.stack([np.bincount(cell, column, size).reshape(shape) for column in x.T], 2)
    moments = np.stack([x[rows].T @ x[rows] for rows in cut])
    # What the probe of each fold is fitted to is all that is in the others.
    counts, sums, moments = (every.sum(0) - every for every in (counts, sums, moments))
    found = []
    for group in groups:
        weights, bias = _discriminants(moments[:, group, group], sums[..., group], counts)
        right = np.empty(len(y), bool)
        for k, rows in enumerate(cut):
            scores = x[rows, group] @ weights[k].T
            scores += bias[k]
            right[order[rows]] = scores.argmax(1) == y[rows]
        found.append(right)
    return found


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

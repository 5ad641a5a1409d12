"""Bounds of a UAR where resampled speakers hardly differ, and so cannot tell how sure it is.

Where all clips of all speakers are recognised, or each is given the same class, every resample has
the same UAR: its quantiles lie on one point, and say that one is sure. Where the errors are those
of one or two speakers, it is nearly so.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from study.metrics.speaker_counts import SpeakerCounts

FEW = 3  # speakers that are not like all the others, from which on resampling tells how they differ
TINY = 1e-9


def exact_bounds(
    recalls: ArrayLike, sizes: ArrayLike, tails: NDArray[np.float64]
) -> tuple[float, float]:
    """Mean over classes of the exact bounds of each recall.

    Of n independent units with a recall k/n the bounds are quantiles of beta distributions,
    Beta(k, n - k + 1) and Beta(k + 1, n - k), whatever the recall is (Clopper and Pearson, "The
    use of confidence or fiducial limits illustrated in the case of the binomial", Biometrika
    1934). The bounds are averaged, not the distributions: a voice that is misunderstood may be so
    in all classes.

    Args:
        recalls: In [0, 1], (classes,).
        sizes: Number of independent units of each class, (classes,).
        tails: Probabilities below the lower and below the upper bound.

    >>> "{:.3f} {:.3f}".format(*exact_bounds([1, 1], [6, 6], np.array([0.025, 0.975])))
    '0.541 1.000'
    """
    from scipy.special import betaincinv

    n = np.asarray(sizes, dtype=np.float64)
    k = np.asarray(recalls, dtype=np.float64) * n
    none, every = k < TINY, k > n - TINY
    # the bounds that are 0 and 1 by definition are computed of any other numbers
    low = betaincinv(np.where(none, 1, k), np.where(none, 1, n - k + 1), tails[0])
    high = betaincinv(np.where(every, 1, k + 1), np.where(every, 1, n - k), tails[1])
    return float(np.where(none, 0, low).mean()), float(np.where(every, 1, high).mean())


def units_of_classes(counts: SpeakerCounts) -> NDArray[np.float64]:
    """How many clips count as independent of each other, (classes,).

    Every speaker as one, since where all clips or none are recognised, no spread tells how alike
    a speaker's clips are. Where each speaker has the same share of them, they are not alike at
    all, and every clip counts.
    """
    has = counts.totals > 0
    recalls = np.divide(counts.correct, counts.totals, out=np.zeros(has.shape), where=has)
    low = np.where(has, recalls, 1).min(axis=0)
    high = recalls.max(axis=0)
    shared = (high - low < TINY) & (low > TINY) & (high < 1 - TINY)
    return np.asarray(np.where(shared, counts.totals.sum(axis=0), has.sum(axis=0)), np.float64)


def exceptions(counts: SpeakerCounts) -> NDArray[np.bool_]:
    """Whether a speaker is unlike what is usual in a class, all recognised or none.

    Returns:
        (speakers, classes).
    """
    usual = np.round(counts.correct.sum(axis=0) / counts.totals.sum(axis=0))
    return np.asarray(np.abs(counts.correct - usual * counts.totals) > TINY)

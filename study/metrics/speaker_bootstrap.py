"""Bootstrap samples of speakers in which no class vanishes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from study.metrics.speaker_counts import MIN_SPEAKERS

LEAST_COMPLETE = 0.1  # fraction of samples with every class


def strata_of_speakers(totals: NDArray[np.float64]) -> list[NDArray[np.intp]]:
    """Return speakers with the same classes, resampled among themselves so that no class vanishes.

    Groups of fewer than 5 speakers would hardly vary and are joined into one.

    Args:
        totals: Clips, (speakers, classes).
    """
    _, pattern = np.unique(totals > 0, axis=0, return_inverse=True)
    groups = [np.flatnonzero(pattern == one) for one in np.unique(pattern)]
    large = [group for group in groups if group.size >= MIN_SPEAKERS]
    small = [group for group in groups if group.size < MIN_SPEAKERS]
    return [*large, np.sort(np.concatenate(small))] if small else large


def draw_speakers(
    strata: Sequence[NDArray[np.intp]],
    totals: NDArray[np.float64],
    n_resamples: int,
    rng: np.random.Generator,
) -> NDArray[np.float64] | None:
    """How often each speaker is in each sample, (resamples, speakers); every class occurs.

    A sample without some class is drawn again. None where more than nine in ten would be: the few
    that are left are no fair choice of samples, and take for ever to find.

    Args:
        strata: Speakers resampled among themselves (`strata_of_speakers`).
        totals: Clips, (speakers, classes).
        n_resamples: Number of samples.
        rng: Of the draws.
    """
    weights = np.zeros((n_resamples, len(totals)))
    wanting = np.arange(n_resamples)
    while wanting.size:
        for group in strata:
            equal = np.full(group.size, 1 / group.size)
            weights[np.ix_(wanting, group)] = rng.multinomial(group.size, equal, wanting.size)
        first = wanting.size == n_resamples
        wanting = wanting[(weights[wanting] @ totals == 0).any(axis=1)]
        if first and wanting.size > (1 - LEAST_COMPLETE) * n_resamples:
            return None
    return weights

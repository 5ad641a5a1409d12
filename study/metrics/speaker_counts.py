"""Hits and clips per speaker and class: all that a UAR over resampled speakers needs."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "MIN_SPEAKERS",
    "SpeakerCounts",
    "count_by_speaker",
    "paired_difference",
    "speaker_differences",
    "too_few_of_a_class",
    "too_few_speakers",
    "uar_of_counts",
]

MIN_SPEAKERS = 5  # two-sided sign flips of fewer cannot even reach p = 0.1


class SpeakerCounts(NamedTuple):
    """Counts per speaker, over the classes that occur.

    Args:
        hits: Correctly recognised clips, (speakers, classes).
        totals: Clips, (speakers, classes).
    """

    hits: NDArray[np.float64]
    totals: NDArray[np.float64]


def count_by_speaker(labels: ArrayLike, hits: ArrayLike, speakers: ArrayLike) -> SpeakerCounts:
    """Sum hits per speaker and class.

    Args:
        labels: Codes or names, (clips,).
        hits: Whether (or how often, in [0, 1]) a clip was recognised, (clips,).
        speakers: Speaker of every clip, (clips,).

    Raises:
        ValueError: When the lengths differ or there are no clips.
    """
    truth, weights, who = (
        np.asarray(labels),
        np.asarray(hits, dtype=np.float64),
        np.asarray(speakers),
    )
    if not truth.shape == weights.shape == who.shape or truth.ndim != 1:
        raise ValueError(
            "labels, hits and speakers must have one value per clip, "
            f"got shapes {truth.shape}, {weights.shape} and {who.shape}"
        )
    if truth.size == 0:
        raise ValueError("labels must hold at least one clip, got none")
    if not np.isfinite(weights).all():
        raise ValueError("hits must be finite, got NaN or infinity")
    classes, codes = np.unique(truth, return_inverse=True)
    names, rows = np.unique(who, return_inverse=True)
    shape = (names.size, classes.size)
    cells = rows * classes.size + codes
    n_cells = names.size * classes.size
    return SpeakerCounts(
        hits=np.bincount(cells, weights, minlength=n_cells).reshape(shape).astype(np.float64),
        totals=np.bincount(cells, minlength=n_cells).reshape(shape).astype(np.float64),
    )


def uar_of_counts(hits: NDArray[np.float64], totals: NDArray[np.float64]) -> NDArray[np.float64]:
    """UAR of counts, (..., classes) -> (...); NaN where a class has no clip."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((hits / totals).mean(axis=-1))


def too_few_speakers(n_speakers: int) -> str:
    """Why there is no interval and no p-value, or an empty text when there are enough speakers.

    >>> too_few_speakers(5)
    ''
    """
    if n_speakers >= MIN_SPEAKERS:
        return ""
    noun = "speaker" if n_speakers == 1 else "speakers"
    return (
        f"no interval: {n_speakers} {noun}, and it takes at least {MIN_SPEAKERS}; "
        "`protocol: loso`, leaving one speaker of train and devel out in turn, tests on all of them"
    )


def too_few_of_a_class(totals: NDArray[np.float64]) -> str:
    """Why resampling speakers says nothing of some class; empty when every class has two.

    What one speaker's recall would be of another one is not in the data.

    Args:
        totals: Clips, (speakers, classes).

    >>> too_few_of_a_class(np.eye(3))
    'no interval: 3 of 3 classes have one speaker alone, and each needs at least 2'
    """
    alone = int(((totals > 0).sum(axis=0) < 2).sum())
    if not alone:
        return ""
    have = "has" if alone == 1 else "have"
    return (
        f"no interval: {alone} of {totals.shape[1]} classes {have} one speaker alone, "
        "and each needs at least 2"
    )


def paired_difference(a: SpeakerCounts, b: SpeakerCounts) -> tuple[float, float | None]:
    """UAR of a minus UAR of b on the same clips, and its standard error over speakers.

    The difference is a sum over speakers, so its standard error is that of a sum of independent
    terms; None with fewer than 5 speakers.
    """
    parts = speaker_differences(a, b)
    n = parts.size
    difference = float(parts.sum())
    if n < MIN_SPEAKERS:
        return difference, None
    return difference, float(np.sqrt(n * parts.var(ddof=1)))


def speaker_differences(a: SpeakerCounts, b: SpeakerCounts) -> NDArray[np.float64]:
    """What every speaker adds to the difference of two UARs, (speakers,)."""
    shares = (a.hits - b.hits) / a.totals.sum(axis=0)
    return np.asarray(shares.mean(axis=1))

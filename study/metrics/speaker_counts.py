"""Recognised clips per speaker and class: all that a UAR over resampled speakers needs."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

MIN_SPEAKERS = 5  # two-sided sign flips of fewer cannot even reach p = 0.1


class SpeakerCounts(NamedTuple):
    """Counts per speaker, over the classes that occur.

    Args:
        correct: Correctly recognised clips, (speakers, classes).
        totals: Clips, (speakers, classes).
    """

    correct: NDArray[np.float64]
    totals: NDArray[np.float64]

    @property
    def uar(self) -> float:
        """UAR over all speakers, in [0, 1]."""
        return float(uar_of_counts(self.correct.sum(axis=0), self.totals.sum(axis=0)))


def count_by_speaker(labels: ArrayLike, correct: ArrayLike, speakers: ArrayLike) -> SpeakerCounts:
    """Sum correct clips per speaker and class.

    Args:
        labels: Class indices or names, (clips,).
        correct: Whether (or how often, in [0, 1]) a clip was recognised, (clips,).
        speakers: Speaker of every clip, (clips,).

    Raises:
        ValueError: When the lengths differ, there are no clips, or a value is not finite.
    """
    truth, names = np.asarray(labels), np.asarray(speakers)
    values = np.asarray(correct, dtype=np.float64)
    if not truth.shape == values.shape == names.shape or truth.ndim != 1:
        raise ValueError(
            "labels, correct and speakers must have one value per clip, "
            f"got shapes {truth.shape}, {values.shape} and {names.shape}"
        )
    if truth.size == 0:
        raise ValueError("labels must hold at least one clip, got none")
    if not np.isfinite(values).all():
        raise ValueError("correct must be finite, got NaN or infinity")
    classes, columns = np.unique(truth, return_inverse=True)
    names, rows = np.unique(names, return_inverse=True)
    shape = (names.size, classes.size)
    cells = np.ravel_multi_index((rows, columns), shape)
    sums = (np.bincount(cells, weights, names.size * classes.size) for weights in (values, None))
    return SpeakerCounts(*(one.reshape(shape).astype(np.float64) for one in sums))


def uar_of_counts(correct: NDArray[np.float64], totals: NDArray[np.float64]) -> NDArray[np.float64]:
    """UAR of counts, (..., classes) -> (...); NaN where a class has no clip."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((correct / totals).mean(axis=-1))


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


def speaker_differences(a: SpeakerCounts, b: SpeakerCounts) -> NDArray[np.float64]:
    """What every speaker adds to the difference of two UARs, (speakers,).

    d_s = 1/C * sum_c (a_sc - b_sc) / n_c, with n_c the clips of class c over all speakers.
    """
    fractions = (a.correct - b.correct) / a.totals.sum(axis=0)
    return np.asarray(fractions.mean(axis=1))


def paired_difference(a: SpeakerCounts, b: SpeakerCounts) -> tuple[float, float | None]:
    """UAR of a minus UAR of b on the same clips, and its standard error over speakers.

    The difference is the sum of what S speakers add to it, d = sum_s d_s, so that its standard
    error is sqrt(S * var(d_s)), var with S - 1 in the denominator. None with fewer than 5.

    >>> speakers, labels = np.arange(10) // 2, np.arange(10) % 2
    >>> a = count_by_speaker(labels, [1, 1, 1, 1, 1, 0, 1, 1, 0, 1], speakers)
    >>> b = count_by_speaker(labels, [1, 0, 1, 0, 1, 0, 1, 1, 0, 0], speakers)
    >>> print("{:.2f}, standard error {:.2f}".format(*paired_difference(a, b)))
    0.30, standard error 0.12
    """
    parts = speaker_differences(a, b)
    error = float(np.sqrt(parts.size * parts.var(ddof=1))) if parts.size >= MIN_SPEAKERS else None
    return float(parts.sum()), error

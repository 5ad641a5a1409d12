"""Means per class over clips, with intervals and a test over speakers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from study.metrics import count_by_speaker
from study.metrics.intervals import CLIPS_NOTE
from study.metrics.sign_flips import ROUNDING, all_flips, exchanged, share_of
from study.metrics.speaker_bootstrap import draw_speakers, strata_of_speakers
from study.metrics.speaker_counts import too_few_of_a_class, too_few_speakers

__all__ = [
    "Profile",
    "Units",
    "class_means",
    "draws",
    "evidence",
    "hits",
    "profile",
    "rounded",
    "sign_flips",
    "units",
]

Floats = NDArray[np.floating]

LEVEL = 0.95
DIGITS = 5
N_RESAMPLES = 1000
N_FLIPS = 5000  # patterns of signs; of up to 12 speakers there are fewer, and each is tried
LEAST_PROBABILITY = 1e-4


class Units(NamedTuple):
    """What is resampled: speakers, or clips where speakers are not known.

    Args:
        rows: Unit of each clip, (clips,).
        n: Number of units.
        note: Why there is no interval, or that it is too narrow; empty when all is well.
        enough: Whether there is an interval and a test.
    """

    rows: NDArray[np.intp]
    n: int
    note: str
    enough: bool


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


def units(speakers: Sequence[str] | None, labels: NDArray[np.intp]) -> Units:
    """Return what is resampled: no speaker where they are few, or one alone has a class."""
    if speakers is None:
        return Units(np.arange(len(labels)), len(labels), CLIPS_NOTE, True)
    names, rows = np.unique(speakers, return_inverse=True)
    totals = count_by_speaker(labels, np.zeros(len(labels)), rows).totals
    reason = too_few_speakers(len(names)) or too_few_of_a_class(totals)
    return Units(rows, len(names), reason, not reason)


def evidence(probabilities: Floats, labels: NDArray[np.intp]) -> Floats:
    """Return the log-odds of the true class, (..., clips), of (..., clips, classes).

    Probabilities are cut at 0.0001 from both ends: one clip a network is sure of is not to
    outweigh all others.

    >>> evidence(np.array([[0.5, 0.5]]), np.array([0])).tolist()
    [0.0]
    """
    true = np.take_along_axis(
        probabilities,
        labels.reshape((1,) * (probabilities.ndim - 2) + (-1, 1)),
        axis=-1,
    )[..., 0]
    true = np.clip(true, LEAST_PROBABILITY, 1 - LEAST_PROBABILITY)
    return np.asarray(np.log(true / (1 - true)))


def hits(probabilities: Floats, labels: NDArray[np.intp]) -> Floats:
    """Return 1 where the true class is the most probable, else 0, (..., clips).

    >>> hits(np.array([[0.4, 0.6], [0.7, 0.3]]), np.array([1, 1])).tolist()
    [1.0, 0.0]
    """
    return np.asarray((probabilities.argmax(-1) == labels).astype(np.float64))


def class_means(values: Floats, labels: NDArray[np.intp], n_classes: int) -> Floats:
    """Return the means (classes + 1, bands) of values (clips, bands), as `Profile.mean`."""
    together = Units(np.zeros(len(labels), dtype=np.intp), 1, "", False)
    sums, counts = _by_unit(values, labels, together, n_classes)
    return _means(sums[0], counts[0])


def draws(labels: NDArray[np.intp], units: Units, n_classes: int, *, seed: int) -> Floats | None:
    """Return how often each unit is drawn, (resamples, units); None where there is no interval.

    Speakers are drawn among those with the same classes, clips within their class, and every class
    occurs; None too where that is seldom so.
    """
    if not units.enough:
        return None
    _, counts = _by_unit(np.zeros((len(labels), 0)), labels, units, n_classes)
    present = counts[:, counts.any(0)]
    of_clips = [np.flatnonzero(column) for column in present.T]
    strata = of_clips if units.note == CLIPS_NOTE else strata_of_speakers(present)
    return draw_speakers(strata, present, N_RESAMPLES, np.random.default_rng(seed))


def profile(
    values: Floats,
    labels: NDArray[np.intp],
    units: Units,
    n_classes: int,
    *,
    drawn: Floats | None,
) -> Profile:
    """Return the means of values (clips, bands) by class, with expanded percentile intervals.

    The quantiles are widened as Student's t is (Hesterberg 2015, section 5.3).

    Args:
        values: (clips, bands).
        labels: Codes, (clips,).
        units: What is resampled.
        n_classes: Rows of the means, but for the last.
        drawn: What `draws` gave, the same for all values of these clips.
    """
    sums, counts = _by_unit(values, labels, units, n_classes)
    mean = _means(sums.sum(0), counts.sum(0))
    if drawn is None:
        return Profile(mean, None, None)
    flat = (drawn @ sums.reshape(units.n, -1)).reshape(len(drawn), *sums.shape[1:])
    replicates = _means(flat, drawn @ counts)
    known = np.isfinite(mean[:, 0])
    bounds = np.full((2, *mean.shape), np.nan)
    bounds[:, known] = np.nanquantile(replicates[:, known], _tails(units.n), axis=0)
    return Profile(mean, bounds[0], bounds[1])


def sign_flips(
    effects: Sequence[Floats],
    labels: NDArray[np.intp],
    units: Units,
    n_classes: int,
    *,
    seed: int = 0,
) -> Floats | None:
    """Return for each band the p-value of effects above zero, over all bands and effects at once.

    Under the null hypothesis a speaker's effects are as likely with the other sign. The largest
    band of every pattern of signs is what a band must exceed, so that naming any band wrongly has
    the probability of the level (maximum statistic: Nichols and Holmes 2002). Effects of several
    kinds flip together, and each counts in units of its largest band's mean over the patterns,
    which no pattern changes; so two kinds cost no factor of two (Westfall and Young 1993).

    Args:
        effects: Of several kinds, (clips, bands) each.
        labels: Codes, (clips,).
        units: Speakers.
        n_classes: Each class counts alike.
        seed: Of the patterns where not all are tried.

    Returns:
        (kinds, bands); None with too few speakers.
    """
    if not units.enough:
        return None
    parts = np.stack([_parts(values, labels, units, n_classes) for values in effects], axis=1)
    _, *shape = parts.shape  # units, kinds, bands
    blocks = exchanged(parts.reshape(units.n, -1), N_FLIPS, seed)
    largest = np.concatenate([block.reshape(-1, *shape).max(2) for block in blocks])
    scales = np.maximum(largest.mean(0), 1e-12)  # 0 where there is no effect
    least, found = (largest / scales).max(1), parts.sum(0) / scales[:, None]
    exact = all_flips(units.n, N_FLIPS)
    p_values = [share_of(least >= value - ROUNDING, exact) for value in found.flat]
    return np.reshape(p_values, found.shape)


def _parts(
    values: Floats, labels: NDArray[np.intp], units: Units, n_classes: int
) -> NDArray[np.float64]:
    """Return what each unit adds to the mean over classes, (units, bands)."""
    sums, counts = _by_unit(values, labels, units, n_classes)
    totals = counts.sum(0)
    present = totals > 0
    parts: NDArray[np.float64] = (sums[:, present] / totals[present][:, None]).mean(1)
    return parts


def _by_unit(
    values: Floats, labels: NDArray[np.intp], units: Units, n_classes: int
) -> tuple[Floats, NDArray[np.float64]]:
    """Return sums (units, classes, bands) and numbers of clips (units, classes)."""
    sums = np.zeros((units.n, n_classes, values.shape[1]))
    counts = np.zeros((units.n, n_classes))
    np.add.at(sums, (units.rows, labels), values)
    np.add.at(counts, (units.rows, labels), 1.0)
    return sums, counts


def _means(sums: Floats, counts: Floats) -> Floats:
    """Return means (..., classes + 1, bands): of each class, and of the classes that occur."""
    with np.errstate(invalid="ignore", divide="ignore"):
        means = sums / counts[..., None]
    known = np.isfinite(means)
    together = np.where(known, means, 0.0).sum(-2) / known.sum(-2).clip(min=1)
    return np.concatenate([means, together[..., None, :]], axis=-2)


def _tails(n: int) -> Floats:
    """Return the two quantiles of an expanded percentile interval over n units."""
    from scipy import stats

    sides = np.array([(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    widened = np.sqrt(n / max(n - 1, 1)) * stats.t.ppf(sides, max(n - 1, 1))
    return np.asarray(stats.norm.cdf(widened))

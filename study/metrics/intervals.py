"""Bootstrap intervals of a UAR that resample speakers, not clips.

Clips of one speaker resemble each other, so that resampling clips gives intervals that are far
too narrow. Percentile and BCa intervals: Efron, "Better bootstrap confidence intervals", JASA
1987, with the acceleration of several strata; expanded percentile intervals, which widen for few
speakers as Student's t does: Hesterberg, "What teachers should know about the bootstrap", The
American Statistician 2015, section 5.3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from study.metrics.speaker_bootstrap import draw_speakers, strata_of_speakers
from study.metrics.speaker_counts import (
    SpeakerCounts,
    count_by_speaker,
    too_few_of_a_class,
    too_few_speakers,
    uar_of_counts,
)

__all__ = [
    "CLIPS_NOTE",
    "Interval",
    "IntervalMethod",
    "interval",
    "interval_of_clips",
    "interval_of_counts",
]

IntervalMethod = Literal["percentile", "expanded", "bca"]
CLIPS_NOTE = "clips treated as independent; too narrow"
SELDOM_COMPLETE = "no interval: resampled speakers seldom have every class; each needs more of them"


@dataclass(frozen=True)
class Interval:
    """A UAR in [0, 1] with its interval, or with the reason why there is none.

    Args:
        uar: The UAR.
        low: Lower bound, None without an interval.
        high: Upper bound, None without an interval.
        level: Nominal coverage.
        method: `percentile`, `expanded` or `bca`.
        n: Number of clips.
        n_speakers: Number of speakers, None when unknown.
        note: What a reader must know, empty when all is well.
    """

    uar: float
    low: float | None
    high: float | None
    level: float
    method: IntervalMethod
    n: int
    n_speakers: int | None
    note: str = ""

    def sentence(self) -> str:
        """As in `UAR 71.2 % (95 % interval 66.0 to 75.9 %, 20 speakers, 400 clips)`."""
        who = f"{self.n:,} clips" if self.n_speakers is None else _who(self.n_speakers, self.n)
        if self.low is None or self.high is None:
            return f"UAR {100 * self.uar:.1f} % ({who}; {self.note})"
        bounds = f"{100 * self.low:.1f} to {100 * self.high:.1f} %"
        note = f"; {self.note}" if self.note else ""
        level = f"{100 * self.level:.0f} % interval"
        return f"UAR {100 * self.uar:.1f} % ({level} {bounds}, {who}{note})"


def _who(n_speakers: int, n: int) -> str:
    return f"{n_speakers} speaker{'s' if n_speakers != 1 else ''}, {n:,} clips"


def interval(
    labels: ArrayLike,
    predictions: ArrayLike,
    speakers: ArrayLike | None = None,
    *,
    method: IntervalMethod = "expanded",
    level: float = 0.95,
    n_resamples: int = 5000,
    seed: int = 0,
) -> Interval:
    """UAR of predictions with a bootstrap interval over speakers.

    Args:
        labels: True classes, (clips,).
        predictions: Predicted classes, (clips,).
        speakers: Speaker of every clip, (clips,); when None clips are resampled within their
            class, and the note says that the interval is too narrow.
        method: `percentile`, `expanded` (percentile, widened for few speakers) or `bca`.
        level: Nominal coverage in (0, 1).
        n_resamples: Number of bootstrap samples.
        seed: Of the resampling.

    Returns:
        The UAR; without bounds when there are fewer than 5 speakers, when some class has one
        speaker alone, or when resampled speakers seldom have every class.

    Raises:
        ValueError: When lengths differ, there are no clips, or an option is out of range.
    """
    hits = np.asarray(labels) == np.asarray(predictions)
    if speakers is not None:
        counts = count_by_speaker(labels, hits, speakers)
        return interval_of_counts(
            counts, method=method, level=level, n_resamples=n_resamples, seed=seed
        )
    return interval_of_clips(
        labels, hits, method=method, level=level, n_resamples=n_resamples, seed=seed
    )


def interval_of_clips(
    labels: ArrayLike,
    hits: ArrayLike,
    *,
    method: IntervalMethod = "expanded",
    level: float = 0.95,
    n_resamples: int = 5000,
    seed: int = 0,
) -> Interval:
    """As `interval` without speakers, of hits (which may be fractions, means over repetitions).

    Args:
        labels: True classes, (clips,).
        hits: Whether (or how often, in [0, 1]) a clip was recognised, (clips,).
        method: As in `interval`.
        level: As in `interval`.
        n_resamples: As in `interval`.
        seed: As in `interval`.

    Raises:
        ValueError: When lengths differ, there are no clips, or an option is out of range.
    """
    _check(method, level, n_resamples)
    # few values are distinct, so that a table (values, classes) of clips stands for all of them
    values, cells = np.unique(np.asarray(hits, dtype=np.float64), return_inverse=True)
    table = count_by_speaker(labels, hits, cells.reshape(np.shape(hits))).totals
    n, totals = int(table.sum()), table.sum(axis=0)
    uar = float(uar_of_counts(values @ table, totals))
    rng = np.random.default_rng(seed)
    drawn = [
        rng.multinomial(int(column.sum()), column / column.sum(), n_resamples) @ values
        for column in table.T
    ]
    replicates = uar_of_counts(np.stack(drawn, axis=-1), totals)
    influence = _clip_influence(values, table)
    tails = _tails(method, level, replicates, uar, n=n, influence=influence)
    low, high = np.quantile(replicates, tails)
    return Interval(uar, float(low), float(high), level, method, n, None, CLIPS_NOTE)


def interval_of_counts(
    counts: SpeakerCounts,
    *,
    method: IntervalMethod = "expanded",
    level: float = 0.95,
    n_resamples: int = 5000,
    seed: int = 0,
    widen: float = 1.0,
) -> Interval:
    """As `interval` with speakers, of their counts (hits may be fractions, means over repetitions).

    Args:
        counts: Hits and clips per speaker and class.
        method: As in `interval`.
        level: As in `interval`.
        n_resamples: As in `interval`.
        seed: As in `interval`.
        widen: Factor on the standard error, for what resampling speakers does not see.

    Raises:
        ValueError: When an option is out of range.
    """
    _check(method, level, n_resamples)
    n, n_speakers = round(counts.totals.sum()), len(counts.totals)
    uar = float(uar_of_counts(counts.hits.sum(axis=0), counts.totals.sum(axis=0)))
    reason = too_few_speakers(n_speakers) or too_few_of_a_class(counts.totals)
    if reason:
        return Interval(uar, None, None, level, method, n, n_speakers, reason)
    strata = strata_of_speakers(counts.totals)
    weights = draw_speakers(strata, counts.totals, n_resamples, np.random.default_rng(seed))
    if weights is None:
        return Interval(uar, None, None, level, method, n, n_speakers, SELDOM_COMPLETE)
    replicates = uar_of_counts(weights @ counts.hits, weights @ counts.totals)
    tails = _tails(
        method,
        level,
        replicates,
        uar,
        n=n_speakers,
        influence=_speaker_influence(counts, strata),
        widen=widen,
    )
    low, high = np.quantile(replicates, tails)
    return Interval(uar, float(low), float(high), level, method, n, n_speakers)


def _tails(
    method: IntervalMethod,
    level: float,
    replicates: NDArray[np.float64],
    uar: float,
    *,
    n: int,
    influence: Sequence[NDArray[np.float64]],
    widen: float = 1.0,
) -> NDArray[np.float64]:
    """Which quantiles of the replicates are the bounds."""
    from scipy import stats

    half = (1 - level) / 2
    sides = np.array([half, 1 - half])
    if method == "expanded":
        widened = widen * np.sqrt(n / max(n - 1, 1)) * stats.t.ppf(sides, max(n - 1, 1))
        return np.asarray(stats.norm.cdf(widened))
    sides = stats.norm.cdf(widen * stats.norm.ppf(sides))
    if method == "percentile":
        return np.asarray(sides)
    below = np.mean(replicates < uar) + np.mean(replicates == uar) / 2
    if not 0 < below < 1:
        return np.asarray(sides)
    shift = stats.norm.ppf(below)
    third = sum(float((u**3).sum()) for u in influence)
    second = sum(float((u**2).sum()) for u in influence)
    acceleration = third / (6 * second**1.5) if second > 0 else 0.0
    z = shift + stats.norm.ppf(sides)
    return np.asarray(stats.norm.cdf(shift + z / (1 - acceleration * z)))


def _speaker_influence(
    counts: SpeakerCounts, strata: Sequence[NDArray[np.intp]]
) -> list[NDArray[np.float64]]:
    """Jackknife influence of every speaker, one array per stratum, divided by its size."""
    without = uar_of_counts(
        counts.hits.sum(axis=0) - counts.hits, counts.totals.sum(axis=0) - counts.totals
    )
    influence = []
    for group in strata:
        values = without[group][np.isfinite(without[group])]
        if values.size > 1:
            influence.append((values.size - 1) * (values.mean() - values) / values.size)
    return influence


def _clip_influence(
    values: NDArray[np.float64], table: NDArray[np.float64]
) -> list[NDArray[np.float64]]:
    """Influence of every clip on the UAR, one array per class, divided by its size."""
    return [
        np.repeat(values - values @ column / column.sum(), column.astype(int))
        / (column.sum() * table.shape[1])
        for column in table.T
    ]


def _check(method: str, level: float, n_resamples: int) -> None:
    if method not in ("percentile", "expanded", "bca"):
        raise ValueError(f"method must be percentile, expanded or bca, got {method!r}")
    if not 0 < level < 1:
        raise ValueError(f"level must lie in (0, 1), got level={level}")
    if n_resamples < 1:
        raise ValueError(f"n_resamples must be at least 1, got n_resamples={n_resamples}")

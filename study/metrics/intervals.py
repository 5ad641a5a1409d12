"""Bootstrap intervals of a UAR that resample speakers, not clips.

Clips of one speaker resemble each other, so that resampling clips gives intervals that are far
too narrow.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from study.metrics.speaker_bootstrap import draw_speakers, strata_of_speakers
from study.metrics.speaker_counts import (
    count_by_speaker,
    too_few_of_a_class,
    too_few_speakers,
    uar_of_counts,
)

IntervalMethod = Literal["percentile", "expanded"]
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
        method: `percentile` or `expanded`.
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
        clips = f"{self.n:,} clips"
        if self.n_speakers is not None:
            clips = f"{self.n_speakers} speaker{'s' if self.n_speakers != 1 else ''}, {clips}"
        if self.low is None or self.high is None:
            return f"UAR {100 * self.uar:.1f} % ({clips}; {self.note})"
        bounds = f"{100 * self.low:.1f} to {100 * self.high:.1f} %"
        note = f"; {self.note}" if self.note else ""
        level = f"{100 * self.level:.0f} % interval"
        return f"UAR {100 * self.uar:.1f} % ({level} {bounds}, {clips}{note})"


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

    With k_sc of n_sc clips of class c recognised of speaker s, and w_s how often s is drawn, the
    UAR of a sample is U* = 1/C * sum_c (sum_s w_s k_sc) / (sum_s w_s n_sc). Speakers are drawn
    among those with the same classes, so that no class vanishes. The bounds are the quantiles
    a and 1 - a of U*, with a = (1 - level) / 2 for `percentile` (Efron, "Better bootstrap
    confidence intervals", JASA 1987). For S speakers `expanded` takes

        a = Phi(sqrt(S / (S - 1)) * t_{S-1}^{-1}((1 - level) / 2)),

    which widens for few speakers as Student's t does (Hesterberg, "What teachers should know
    about the bootstrap", The American Statistician 2015, section 5.3).

    Args:
        labels: True classes, (clips,).
        predictions: Predicted classes, (clips,).
        speakers: Speaker of every clip, (clips,); when None clips are resampled within their
            class, and the note says that the interval is too narrow.
        method: `percentile` or `expanded`.
        level: Nominal coverage in (0, 1).
        n_resamples: Number of bootstrap samples.
        seed: Of the resampling.

    Returns:
        The UAR; without bounds when there are fewer than 5 speakers, when some class has one
        speaker alone, or when resampled speakers seldom have every class.

    Raises:
        ValueError: When lengths differ, there are no clips, or an option is out of range.

    >>> labels, speakers = np.arange(120) % 2, np.arange(120) // 12
    >>> predictions = np.where(np.arange(120) % 7 < 2, 1 - labels, labels)
    >>> interval(labels, predictions, speakers).sentence()
    'UAR 70.8 % (95 % interval 67.5 to 75.8 %, 10 speakers, 120 clips)'
    """
    return interval_of_correct(
        labels,
        np.asarray(labels) == np.asarray(predictions),
        speakers,
        method=method,
        level=level,
        n_resamples=n_resamples,
        seed=seed,
    )


def interval_of_correct(
    labels: ArrayLike,
    correct: ArrayLike,
    speakers: ArrayLike | None = None,
    *,
    method: IntervalMethod = "expanded",
    level: float = 0.95,
    n_resamples: int = 5000,
    seed: int = 0,
    widen: float = 1.0,
) -> Interval:
    """As `interval`, of what is correct (fractions are means over repetitions).

    Args:
        labels: True classes, (clips,).
        correct: Whether (or how often, in [0, 1]) a clip was recognised, (clips,).
        speakers: As in `interval`.
        method: As in `interval`.
        level: As in `interval`.
        n_resamples: As in `interval`.
        seed: As in `interval`.
        widen: Factor on the standard error, for what resampling does not see.

    Raises:
        ValueError: When lengths differ, there are no clips, or an option is out of range.
    """
    if method not in ("percentile", "expanded"):
        raise ValueError(f"method must be percentile or expanded, got {method!r}")
    if not 0 < level < 1:
        raise ValueError(f"level must lie in (0, 1), got level={level}")
    if n_resamples < 1:
        raise ValueError(f"n_resamples must be at least 1, got n_resamples={n_resamples}")
    rng = np.random.default_rng(seed)
    if speakers is None:
        uar, replicates = _resample_clips(labels, correct, n_resamples, rng)
        n, n_speakers, note = np.size(labels), None, CLIPS_NOTE
    else:
        counts = count_by_speaker(labels, correct, speakers)
        uar, n, n_speakers = counts.uar, np.size(labels), len(counts.totals)
        note = too_few_speakers(n_speakers) or too_few_of_a_class(counts.totals)
        if note:
            return Interval(uar, None, None, level, method, n, n_speakers, note)
        strata = strata_of_speakers(counts.totals)
        weights = draw_speakers(strata, counts.totals, n_resamples, rng)
        if weights is None:
            return Interval(uar, None, None, level, method, n, n_speakers, SELDOM_COMPLETE)
        replicates = uar_of_counts(weights @ counts.correct, weights @ counts.totals)
    tails = interval_tails(method, level, n_speakers or n, widen)
    low, high = np.quantile(replicates, tails)
    return Interval(uar, float(low), float(high), level, method, n, n_speakers, note)


def _resample_clips(
    labels: ArrayLike, correct: ArrayLike, n_resamples: int, rng: np.random.Generator
) -> tuple[float, NDArray[np.float64]]:
    """UAR, and that of samples of clips drawn within their class, (resamples,)."""
    # few values are distinct, so that a table (values, classes) of clips stands for all of them
    values, cells = np.unique(np.asarray(correct, dtype=np.float64), return_inverse=True)
    table = count_by_speaker(labels, correct, cells.reshape(np.shape(correct))).totals
    totals = table.sum(axis=0)
    drawn = [
        rng.multinomial(int(column.sum()), column / column.sum(), n_resamples) @ values
        for column in table.T
    ]
    replicates = uar_of_counts(np.stack(drawn, axis=-1), totals)
    return float(uar_of_counts(values @ table, totals)), replicates


def interval_tails(
    method: IntervalMethod, level: float, n: int, widen: float = 1.0
) -> NDArray[np.float64]:
    """Which quantiles of the samples are the bounds, of `n` that were resampled."""
    from scipy import stats

    sides = np.array([(1 - level) / 2, (1 + level) / 2])
    if method == "percentile":
        return np.asarray(stats.norm.cdf(widen * stats.norm.ppf(sides)))
    rest = max(n - 1, 1)
    return np.asarray(stats.norm.cdf(widen * np.sqrt(n / rest) * stats.t.ppf(sides, rest)))

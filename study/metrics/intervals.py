"""Bootstrap intervals of a UAR that resample speakers, not clips.

Clips of one speaker resemble each other, so that resampling clips gives intervals that are far
too narrow. Where resampled speakers hardly differ, the bounds are exact ones (`exact_bounds`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from study.metrics.exact_bounds import FEW, TINY, exact_bounds, exceptions, units_of_classes
from study.metrics.speaker_bootstrap import draw_speakers, strata_of_speakers
from study.metrics.speaker_counts import (
    SpeakerCounts,
    count_by_speaker,
    too_few_of_a_class,
    too_few_speakers,
    uar_of_counts,
)
from study.text import plural

IntervalMethod = Literal["percentile", "expanded"]
CLIPS_NOTE = "clips treated as independent; too narrow"
ALIKE_NOTE = "exact bounds, as resampled speakers hardly differ"
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
        clips = plural(self.n, "clip")
        if self.n_speakers is not None:
            clips = f"{plural(self.n_speakers, 'speaker')}, {clips}"
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

    Where every U* is the same, or fewer than 3 speakers are unlike the others, resampling does not
    tell how sure the UAR is. The bounds are then at least those of Clopper and Pearson with every
    speaker as one clip (`exact_bounds`), and the note says so.

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
    n, n_speakers, note = np.size(labels), None, CLIPS_NOTE
    if speakers is None:
        counts = _count_alike_clips(labels, correct)
        units = counts.totals.sum(axis=0)
        unlike = counts.totals[exceptions(counts)].sum()
        replicates = _resample_clips(counts, n_resamples, rng)
    else:
        counts = count_by_speaker(labels, correct, speakers)
        n_speakers = len(counts.totals)
        note = too_few_speakers(n_speakers) or too_few_of_a_class(counts.totals)
        strata = strata_of_speakers(counts.totals)
        weights = None if note else draw_speakers(strata, counts.totals, n_resamples, rng)
        if weights is None:
            note = note or SELDOM_COMPLETE
            return Interval(counts.uar, None, None, level, method, n, n_speakers, note)
        units, unlike = units_of_classes(counts), exceptions(counts).any(axis=1).sum()
        replicates = uar_of_counts(weights @ counts.correct, weights @ counts.totals)
    low, high = np.quantile(replicates, interval_tails(method, level, n_speakers or n, widen))
    if np.ptp(replicates) < TINY or unlike < FEW:
        recalls = counts.correct.sum(axis=0) / counts.totals.sum(axis=0)
        exact = exact_bounds(recalls, units, interval_tails("percentile", level, n, widen))
        low, high = min(low, exact[0]), max(high, exact[1])
        note = note or ALIKE_NOTE
    return Interval(counts.uar, float(low), float(high), level, method, n, n_speakers, note)


def _count_alike_clips(labels: ArrayLike, correct: ArrayLike) -> SpeakerCounts:
    """Counts of clips that are as often recognised, (values, classes): few values are distinct."""
    cells = np.unique(np.asarray(correct, dtype=np.float64), return_inverse=True)[1]
    return count_by_speaker(labels, correct, cells.reshape(np.shape(correct)))


def _resample_clips(
    counts: SpeakerCounts, n_resamples: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """UAR of samples of clips drawn within their class, (resamples,)."""
    totals = counts.totals.sum(axis=0)
    values = counts.correct.sum(axis=1) / counts.totals.sum(axis=1)
    drawn = [
        rng.multinomial(int(column.sum()), column / column.sum(), n_resamples) @ values
        for column in counts.totals.T
    ]
    return uar_of_counts(np.stack(drawn, axis=-1), totals)


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

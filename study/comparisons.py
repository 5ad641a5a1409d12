"""Is one system better than another, or than chance? Permutation tests over speakers.

Under the null hypothesis the two systems of a pair may be exchanged; clips of one speaker depend
on each other, so whole speakers are exchanged (sign flips of what each speaker adds to the
difference of UARs). The best of many trials is tested by the distribution of the largest
difference (Westfall and Young, "Resampling-based multiple testing", 1993), which corrects for
the number of trials and knows how alike they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from study.intervals import CLIPS_NOTE
from study.speaker_counts import (
    count_by_speaker,
    speaker_differences,
    too_few_speakers,
    uar_of_counts,
)

__all__ = ["Comparison", "compare", "compare_best_of", "holm"]

ROUNDING = 1e-12


@dataclass(frozen=True)
class Comparison:
    """A difference of two UARs and how easily chance makes one as large.

    Args:
        names: What the two systems are called.
        uars: Their UARs, in [0, 1].
        difference: First minus second.
        p_value: None with fewer than 5 speakers. Two-sided; one-sided for the best of many.
        n_speakers: Number of speakers, None when unknown.
        n_trials: Number of trials the first is the best of; the p-value is corrected for them.
        exact: Whether all exchanges were enumerated instead of drawn.
        note: What a reader must know, empty when all is well.
    """

    names: tuple[str, str]
    uars: tuple[float, float]
    difference: float
    p_value: float | None
    n_speakers: int | None
    n_trials: int = 1
    exact: bool = False
    note: str = ""

    def sentence(self) -> str:
        """The comparison in words."""
        first, second = self.names
        verb = "beats" if self.difference > 0 else "loses to" if self.difference < 0 else "equals"
        head = (
            f"{first} ({100 * self.uars[0]:.1f} % UAR) {verb} {second} ({100 * self.uars[1]:.1f} %)"
        )
        if self.difference:
            head += f" by {abs(100 * self.difference):.1f} points"
        if self.p_value is None:
            return f"{head}; no p-value: {self.note}."
        who = "clips" if self.n_speakers is None else f"the {self.n_speakers} speakers"
        if self.n_trials > 1:
            who += f", corrected for {self.n_trials} trials"
        verdict = "chance hardly explains it" if self.p_value <= 0.05 else "chance may explain it"
        note = f"; {self.note}" if self.note else ""
        return f"{head}; {verdict} (p = {self.p_value:.3f}, exchanging {who}{note})."


def compare(
    labels: ArrayLike,
    hits_a: ArrayLike,
    hits_b: ArrayLike,
    speakers: ArrayLike | None = None,
    *,
    names: tuple[str, str] = ("a", "b"),
    n_permutations: int = 10_000,
    seed: int = 0,
) -> Comparison:
    """Paired two-sided permutation test of two systems on the same clips.

    To be honest the hits must come from clips that did not choose the systems, as those of
    `study.honest_folds.held_out_hits` do.

    Args:
        labels: True classes, (clips,).
        hits_a: Whether the first recognised a clip (or how often, in [0, 1]), (clips,).
        hits_b: The same of the second.
        speakers: Speaker of every clip; when None clips are exchanged, and the note says that
            the p-value is too small.
        names: What to call the two.
        n_permutations: Number of random exchanges; all are enumerated when they are fewer.
        seed: Of the random exchanges.

    Raises:
        ValueError: When the lengths differ or there are no clips.
    """
    who = np.arange(np.size(labels)) if speakers is None else np.asarray(speakers)
    a, b = (count_by_speaker(labels, hits, who) for hits in (hits_a, hits_b))
    parts = speaker_differences(a, b)
    uars = tuple(float(uar_of_counts(c.hits.sum(axis=0), c.totals.sum(axis=0))) for c in (a, b))
    difference = float(parts.sum())
    p_value, exact, note = None, False, CLIPS_NOTE if speakers is None else ""
    reason = "" if speakers is None else too_few_speakers(parts.size)
    if not reason:
        sums, exact = _exchanged(parts[:, None], n_permutations, seed)
        p_value = _share(np.abs(sums[:, 0]) >= abs(difference) - ROUNDING, exact)
    return Comparison(
        names=names,
        uars=(uars[0], uars[1]),
        difference=difference,
        p_value=p_value,
        n_speakers=None if speakers is None else parts.size,
        exact=exact,
        note=reason or note,
    )


def compare_best_of(
    labels: ArrayLike,
    hits: ArrayLike,
    reference_hits: ArrayLike,
    speakers: ArrayLike,
    *,
    names: tuple[str, str] = ("the best trial", "the reference"),
    n_permutations: int = 10_000,
    seed: int = 0,
) -> Comparison:
    """Is the best of many trials better than a reference that was fixed beforehand?

    One-sided: how often exchanging speakers gives some trial a lead as large.

    Args:
        labels: True classes, (clips,).
        hits: Whether every trial recognised a clip, (trials, clips).
        reference_hits: The same of the reference, (clips,).
        speakers: Speaker of every clip, (clips,).
        names: What to call the two.
        n_permutations: Number of random exchanges; all are enumerated when they are fewer.
        seed: Of the random exchanges.

    Raises:
        ValueError: When the lengths differ, or there are no trials or clips.
    """
    rows = np.atleast_2d(np.asarray(hits, dtype=np.float64))
    if len(rows) == 0 or rows.shape[1] == 0:
        raise ValueError(f"hits must hold at least one trial and clip, got shape {rows.shape}")
    reference = count_by_speaker(labels, reference_hits, speakers)
    counts = [count_by_speaker(labels, row, speakers) for row in rows]
    parts = np.stack([speaker_differences(count, reference) for count in counts], axis=1)
    leads = parts.sum(axis=0)
    best = int(leads.argmax())
    reason = too_few_speakers(len(parts))
    p_value, exact = None, False
    if not reason:
        sums, exact = _exchanged(parts, n_permutations, seed)
        p_value = _share(sums.max(axis=1) >= leads[best] - ROUNDING, exact)
    pair = counts[best], reference
    uars = tuple(float(uar_of_counts(c.hits.sum(axis=0), c.totals.sum(axis=0))) for c in pair)
    return Comparison(
        names=names,
        uars=(uars[0], uars[1]),
        difference=float(leads[best]),
        p_value=p_value,
        n_speakers=len(parts),
        n_trials=len(rows),
        exact=exact,
        note=reason,
    )


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """P-values of several tests, corrected (Holm, Scandinavian Journal of Statistics 1979).

    >>> holm([0.01, 0.04, 0.03])
    (0.03, 0.06, 0.06)
    """
    order = np.argsort(p_values, kind="stable")
    sorted_values = np.asarray(p_values, dtype=np.float64)[order]
    steps = np.maximum.accumulate(sorted_values * np.arange(len(order), 0, -1)).clip(max=1.0)
    corrected = np.empty(len(order))
    corrected[order] = steps
    return tuple(float(value) for value in corrected)


def _exchanged(
    parts: NDArray[np.float64], n_permutations: int, seed: int
) -> tuple[NDArray[np.float64], bool]:
    """Sums of parts (units, pairs) under sign flips, (flips, pairs), and if these are all."""
    n_units = len(parts)
    if 2**n_units <= n_permutations:
        bits = np.arange(2**n_units)[:, None] >> np.arange(n_units)
        return (1.0 - 2 * (bits & 1)) @ parts, True
    rng = np.random.default_rng(seed)
    sums = np.empty((n_permutations, parts.shape[1]))
    block = max(1, 2_000_000 // n_units)
    for start in range(0, n_permutations, block):
        rows = min(block, n_permutations - start)
        signs = 2.0 * rng.integers(0, 2, (rows, n_units), dtype=np.int8) - 1
        sums[start : start + rows] = signs @ parts
    return sums, False


def _share(extreme: NDArray[np.bool_], exact: bool) -> float:
    """P-value; of random exchanges the observed one is counted too, so that it is never 0."""
    if exact:
        return float(extreme.mean())
    return float((extreme.sum() + 1) / (extreme.size + 1))

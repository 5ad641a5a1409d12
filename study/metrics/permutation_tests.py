"""Is one system better than another, or than chance? Permutation tests over speakers.

Under the null hypothesis the two systems of a pair may be exchanged; clips of one speaker depend
on each other, so whole speakers are exchanged (sign flips of what each speaker adds to the
difference of UARs). The best of many trials is tested by the distribution of the largest
difference (Westfall and Young, "Resampling-based multiple testing", 1993), which corrects for
the number of trials and knows how alike they are. Trials that are clearly worse than the reference
cannot be the best by chance and are left out of that distribution, as in Hansen, "A test for
superior predictive ability", Journal of Business and Economic Statistics 2005.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from study.metrics.intervals import CLIPS_NOTE
from study.metrics.sign_flips import ROUNDING, all_flips, exchanged, leads_by_speaker, share_of
from study.metrics.speaker_counts import count_by_speaker, speaker_differences, too_few_speakers
from study.text import p_is

CLEARLY_WORSE = 3  # standard errors below the reference


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

    def to_json(self) -> dict[str, Any]:
        """Plain values for records, the sentence among them."""
        lists = {"names": list(self.names), "uars": list(self.uars)}
        return {**asdict(self), **lists, "sentence": self.sentence()}

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
        groups = "clips" if self.n_speakers is None else f"the {self.n_speakers} speakers"
        if self.n_trials > 1:
            groups += f", corrected for {self.n_trials} trials"
        verdict = "chance hardly explains it" if self.p_value <= 0.05 else "chance may explain it"
        note = f"; {self.note}" if self.note else ""
        if self.exact and self.n_speakers and self.p_value <= 2.0 ** (1 - self.n_speakers):
            note += f"; {self.n_speakers} speakers cannot give a smaller one"
        return f"{head}; {verdict} ({p_is(self.p_value)}, exchanging {groups}{note})."


def compare(
    labels: ArrayLike,
    correct_a: ArrayLike,
    correct_b: ArrayLike,
    speakers: ArrayLike | None = None,
    *,
    names: tuple[str, str] = ("a", "b"),
    n_permutations: int = 10_000,
    seed: int = 0,
) -> Comparison:
    """Paired two-sided permutation test of two systems on the same clips.

    With d_s what speaker s adds to the difference of UARs, d = sum_s d_s, and signs e_s of +1 and
    -1 that exchange the systems for whole speakers, p is the fraction of all 2^S exchanges with
    |sum_s e_s d_s| >= |d|; of B random exchanges, of which m are as large, (m + 1) / (B + 1).

    To be honest what is correct must come from clips that did not choose the systems, as that of
    `study.honest.held_out_hits` does.

    Args:
        labels: True classes, (clips,).
        correct_a: Whether the first recognised a clip (or how often, in [0, 1]), (clips,).
        correct_b: The same of the second.
        speakers: Speaker of every clip; when None clips are exchanged, and the note says that
            the p-value is too small.
        names: What to call the two.
        n_permutations: Number of random exchanges; all are enumerated when they are fewer.
        seed: Of the random exchanges.

    Raises:
        ValueError: When the lengths differ or there are no clips.

    >>> labels, speakers = np.arange(48) % 2, np.arange(48) // 6
    >>> found = compare(labels, np.arange(48) % 4 > 0, np.arange(48) % 4 > 1, speakers)
    >>> found.difference, found.p_value  # all eight speakers prefer the first
    (0.25, 0.0078125)
    """
    groups = np.arange(np.size(labels)) if speakers is None else np.asarray(speakers)
    a, b = (count_by_speaker(labels, correct, groups) for correct in (correct_a, correct_b))
    parts = speaker_differences(a, b)
    difference = float(parts.sum())
    p_value, exact, note = None, False, CLIPS_NOTE if speakers is None else ""
    reason = "" if speakers is None else too_few_speakers(parts.size)
    if not reason:
        exact = all_flips(parts.size, n_permutations)
        sums = _exchange(parts[:, None], lambda sums: np.abs(sums[:, 0]), n_permutations, seed)
        p_value = share_of(sums >= abs(difference) - ROUNDING, exact)
    n = None if speakers is None else parts.size
    uars = (a.uar, b.uar)
    return Comparison(names, uars, difference, p_value, n, exact=exact, note=reason or note)


def compare_best_of(
    labels: ArrayLike,
    correct: ArrayLike,
    reference_correct: ArrayLike,
    speakers: ArrayLike,
    *,
    names: tuple[str, str] = ("the best trial", "the reference"),
    n_trials: int | None = None,
    n_permutations: int = 10_000,
    seed: int = 0,
) -> Comparison:
    """Is the best of many trials better than a reference that was fixed beforehand?

    One-sided and corrected for the number of trials: with d_st what speaker s adds to the lead of
    trial t, p is the fraction of exchanges with max_t sum_s e_s d_st >= max_t sum_s d_st. Trials
    that lie 3 standard errors below the reference are left out of the first maximum.

    Args:
        labels: True classes, (clips,).
        correct: Whether every trial recognised a clip, (trials, clips); every epoch may have a
            row, so that the choice of the epoch is corrected for too.
        reference_correct: The same of the reference, (clips,).
        speakers: Speaker of every clip, (clips,).
        names: What to call the two.
        n_trials: How many trials the rows belong to; as many as rows when None.
        n_permutations: Number of random exchanges; all are enumerated when they are fewer.
        seed: Of the random exchanges.

    Raises:
        ValueError: When the lengths differ, or there are no trials or clips.
    """
    rows = np.atleast_2d(np.asarray(correct))
    if len(rows) == 0 or rows.shape[1] == 0:
        raise ValueError(f"correct must hold at least one trial and clip, got shape {rows.shape}")
    reference = count_by_speaker(labels, reference_correct, speakers)
    parts = leads_by_speaker(
        np.asarray(labels), rows, np.asarray(reference_correct), np.asarray(speakers)
    )
    leads = parts.sum(axis=0)
    best = int(leads.argmax())
    reason = too_few_speakers(len(parts))
    p_value, exact = None, False
    if not reason:
        exact = all_flips(len(parts), n_permutations)
        errors = np.sqrt(len(parts) * parts.var(axis=0, ddof=1))
        rivals = leads >= np.minimum(-CLEARLY_WORSE * errors, leads[best])
        highest = _exchange(parts[:, rivals], lambda sums: sums.max(axis=1), n_permutations, seed)
        p_value = share_of(highest >= leads[best] - ROUNDING, exact)
    uars = (count_by_speaker(labels, rows[best], speakers).uar, reference.uar)
    n_trials = len(rows) if n_trials is None else n_trials
    lead = float(leads[best])
    return Comparison(names, uars, lead, p_value, len(parts), n_trials, exact, reason)


def compare_all_pairs(
    labels: ArrayLike,
    correct: ArrayLike,
    speakers: ArrayLike | None = None,
    *,
    n_permutations: int = 10_000,
    seed: int = 0,
) -> NDArray[np.float64] | None:
    """P-values of all differences among several systems, corrected for the number of pairs.

    Which of them is compared with which may then depend on the same clips: the best one with all
    others, for instance. A pair's difference, in units of the root of its speakers' summed
    squares (which no exchange changes), z_ij = |sum_s d_sij| / sqrt(sum_s d_sij^2), is held
    against the largest of all pairs under the same exchanges: p_ij is the fraction of exchanges
    with max_kl z*_kl >= z_ij. So one bad system does not hide what others differ by.

    Args:
        labels: True classes, (clips,).
        correct: Whether (or how often, in [0, 1]) every system recognised a clip,
            (systems, clips).
        speakers: Speaker of every clip; when None clips are exchanged and p-values are too small.
        n_permutations: Number of random exchanges; all are enumerated when they are fewer.
        seed: Of the random exchanges.

    Returns:
        Two-sided p-values, (systems, systems), 1 on the diagonal; None with fewer than 5 speakers.

    Raises:
        ValueError: When the lengths differ, or there are no systems or clips.

    >>> labels, speakers = np.arange(48) % 2, np.arange(48) // 6
    >>> correct = [np.arange(48) % 4 > 0, np.arange(48) % 4 > 1, np.arange(48) % 5 > 1]
    >>> compare_all_pairs(labels, correct, speakers).round(3).tolist()
    [[1.0, 0.008, 0.062], [0.008, 1.0, 0.664], [0.062, 0.664, 1.0]]
    """
    rows, truth = np.atleast_2d(np.asarray(correct, dtype=np.float64)), np.asarray(labels)
    if rows.size == 0:
        raise ValueError(f"correct must hold at least one system and clip, got shape {rows.shape}")
    groups = np.arange(truth.size) if speakers is None else np.asarray(speakers)
    parts = leads_by_speaker(truth, rows, np.zeros(truth.size), groups)
    if speakers is not None and too_few_speakers(len(parts)):
        return None
    lengths = np.stack([np.linalg.norm(parts - one[:, None], axis=0) for one in parts.T])
    lengths[lengths == 0] = np.inf
    uars = parts.sum(axis=0)
    found = np.abs(uars - uars[:, None]) / lengths
    highest = _exchange(parts, lambda sums: _largest(sums, lengths), n_permutations, seed)
    exact = all_flips(len(parts), n_permutations)
    values = [share_of(highest >= value - ROUNDING, exact) for value in found.ravel()]
    return np.reshape(values, found.shape)


def _exchange(
    parts: NDArray[np.float64],
    statistic: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    n_permutations: int,
    seed: int,
) -> NDArray[np.float64]:
    """A statistic of the sums (flips, pairs) under every exchange, (flips,)."""
    blocks = exchanged(parts, n_permutations, seed)
    return np.concatenate([statistic(block) for block in blocks])


def _largest(sums: NDArray[np.float64], lengths: NDArray[np.float64]) -> NDArray[np.float64]:
    """The largest of all pairs' differences in units of their length, (flips,)."""
    largest = np.zeros(len(sums))
    for one, own in zip(sums.T, lengths, strict=True):
        np.maximum(largest, (np.abs(sums - one[:, None]) / own).max(axis=1), out=largest)
    return largest


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """P-values of several tests, corrected (Holm, Scandinavian Journal of Statistics 1979).

    With p_(1) <= ... <= p_(m), the k-th is max_{j <= k} min(1, (m - j + 1) * p_(j)).

    >>> holm([0.01, 0.04, 0.03])
    (0.03, 0.06, 0.06)
    """
    order = np.argsort(p_values, kind="stable")
    ascending = np.asarray(p_values, dtype=np.float64)[order]
    corrected = np.empty(len(order))
    corrected[order] = np.maximum.accumulate(ascending * np.arange(len(order), 0, -1)).clip(max=1)
    return tuple(corrected.tolist())

"""The explained clips: means over them, with intervals and a test over speakers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reports.explain.inputs import ExplainInputs
from reports.explain.statistics import Profile, means, sums
from study.metrics import interval
from study.metrics.exact_bounds import TINY
from study.metrics.intervals import (
    ALIKE_NOTE,
    CLIPS_NOTE,
    SELDOM_COMPLETE,
    Interval,
    interval_tails,
)
from study.metrics.sign_flips import ROUNDING, all_flips, exchanged, leads_by_speaker, share_of
from study.metrics.speaker_bootstrap import draw_speakers, strata_of_speakers
from study.metrics.speaker_counts import too_few_of_a_class, too_few_speakers

Floats = NDArray[np.floating]
Doubles = NDArray[np.float64]

N_RESAMPLES = 1000
N_FLIPS = 5000  # patterns of signs; of up to 12 speakers there are fewer, and each is tried


@dataclass(frozen=True)
class Subject:
    """Labels and speakers of the explained clips.

    Speakers are what is resampled and flipped, or clips where one speaker is unknown.

    Args:
        labels: Class indices, (clips,).
        speakers: (clips,); None where one is unknown.
        n_classes: Of the networks.
        seed: Of all that is drawn.
    """

    labels: NDArray[np.intp]
    speakers: tuple[str, ...] | None
    n_classes: int
    seed: int

    @classmethod
    def from_inputs(cls, inputs: ExplainInputs, chosen: Sequence[int], *, seed: int) -> Subject:
        """Return the chosen ones of the inputs' clips."""
        known = inputs.speakers
        speakers = None if known is None else tuple(known[i] for i in chosen)
        labels = np.array([inputs.labels[i] for i in chosen], dtype=np.intp)
        return cls(labels, speakers, len(inputs.classes), seed)

    @property
    def n_speakers(self) -> int | None:
        """How many; None where one is unknown."""
        return None if self.speakers is None else len(self._counts)

    @property
    def chance(self) -> float:
        """UAR of guessing."""
        return 1 / len(np.unique(self.labels))

    @cached_property
    def _groups(self) -> NDArray[np.intp]:
        """The speaker of each clip, or the clip itself, as a number from 0, (clips,)."""
        if self.speakers is None:
            return np.arange(len(self.labels))
        return np.unique(self.speakers, return_inverse=True)[1]

    @cached_property
    def _counts(self) -> Doubles:
        """Clips of each speaker and class, (speakers, classes)."""
        shape = (int(self._groups.max()) + 1, self.n_classes)
        return sums(np.ones((len(self.labels), 1)), self._groups, self.labels, shape=shape)[..., 0]

    @cached_property
    def _too_few(self) -> str:
        """Why speakers give neither an interval nor a test: few of them, or of a class but one."""
        if self.speakers is None:
            return ""
        present = self._counts[:, self._counts.any(0)]
        return too_few_speakers(len(present)) or too_few_of_a_class(present)

    @property
    def note(self) -> str:
        """Why there is no interval, or that it is too narrow; empty when all is well."""
        if not self._too_few and self._drawn is None:
            return SELDOM_COMPLETE
        return CLIPS_NOTE if self.speakers is None else self._too_few

    @cached_property
    def _drawn(self) -> Doubles | None:
        """How often each speaker is drawn, (resamples, speakers); None without an interval.

        Speakers are drawn among those with the same classes, clips within their class, and every
        class occurs. Drawn once: with many clips it takes longer than all that follows.
        """
        if self._too_few:
            return None
        present = self._counts[:, self._counts.any(0)]
        of_clips = [np.flatnonzero(column) for column in present.T]
        strata = of_clips if self.speakers is None else strata_of_speakers(present)
        return draw_speakers(strata, present, N_RESAMPLES, np.random.default_rng(self.seed))

    def profile(self, values: Floats) -> Profile:
        """Return the means by class of values (clips, bands), with expanded percentile intervals.

        The quantiles are widened as Student's t is (Hesterberg 2015, section 5.3). A band of which
        all resamples are equal has no interval: one without width would say that it is certain.
        """
        parts = sums(values, self._groups, self.labels, shape=self._counts.shape)
        mean = means(parts.sum(0), self._counts.sum(0))
        drawn = self._drawn
        if drawn is None:
            return Profile(mean, None, None)
        replicates = means(np.tensordot(drawn, parts, 1), drawn @ self._counts)
        known = np.isfinite(mean[:, 0])
        replicates[:, np.ptp(replicates, axis=0) < TINY] = np.nan
        tails = interval_tails("expanded", 0.95, len(self._counts))
        bounds = np.full((2, *mean.shape), np.nan)
        bounds[:, known] = np.quantile(replicates[:, known], tails, axis=0)
        return Profile(mean, bounds[0], bounds[1])

    def halves(self, values: Floats) -> tuple[Floats, Floats]:
        """Return the means (bands,) of values (clips, bands) over two halves of each class."""
        rng, half = np.random.default_rng(self.seed), np.ones(len(self.labels), dtype=np.intp)
        for label in np.unique(self.labels):
            mine = rng.permutation(np.flatnonzero(self.labels == label))
            half[mine[: len(mine) // 2]] = 0
        shape, one = (2, self.n_classes), np.ones((len(half), 1))
        counts = sums(one, half, self.labels, shape=shape)[..., 0]
        first, second = means(sums(values, half, self.labels, shape=shape), counts)[:, -1]
        return first, second

    def sign_flips(self, effects: Sequence[Floats]) -> Floats | None:
        """Return for each band the p-value of effects above zero, over all bands and kinds at once.

        Under the null hypothesis a speaker's effects are as likely with the other sign. The largest
        band of every pattern of signs is what a band must exceed, so that naming any band wrongly
        has the probability of the level (maximum statistic: Nichols and Holmes 2002). Effects of
        several kinds flip together, and each counts in units of its largest band's mean over the
        patterns, which no pattern changes; so two kinds cost no factor of two (Westfall and Young
        1993). Each class counts alike.

        Args:
            effects: Of several kinds, (clips, bands) each.

        Returns:
            (kinds, bands); None with too few or unknown speakers.
        """
        if self.speakers is None or self._too_few:
            return None
        rows = np.concatenate([values.T for values in effects])
        nothing = np.zeros(len(self.labels))
        parts = leads_by_speaker(self.labels, rows, nothing, self._groups)  # (speakers, rows)
        shape = (len(effects), -1)
        blocks = exchanged(parts, N_FLIPS, self.seed)
        largest = np.concatenate([block.reshape(len(block), *shape).max(2) for block in blocks])
        scales = np.maximum(largest.mean(0), 1e-12)  # 0 where there is no effect
        least, found = (largest / scales).max(1), parts.sum(0).reshape(shape) / scales[:, None]
        exact = all_flips(len(parts), N_FLIPS)
        p_values = [share_of(least >= value - ROUNDING, exact) for value in found.flat]
        return np.reshape(p_values, found.shape)

    def interval(self, probabilities: Floats) -> Interval:
        """Return the UAR of probabilities (clips, classes) with its interval."""
        return interval(self.labels, probabilities.argmax(1), self.speakers, seed=self.seed)

    def above_chance(self, found: Interval) -> bool:
        """Return whether a UAR on these clips is above chance, with its interval if it has one.

        Exact bounds of few speakers reach below chance also where all clips are recognised; half
        of the way from chance to all is enough then.
        """
        if ALIKE_NOTE in found.note and found.uar > (1 + self.chance) / 2:
            return True
        return (found.uar if found.low is None else found.low) > self.chance

    def describe(self, n_all: int) -> dict[str, Any]:
        """Return which clips these are, of how many; plain JSON values."""
        n, n_speakers = len(self.labels), self.n_speakers
        speakers = f" of {n_speakers} speaker{'s' if n_speakers != 1 else ''}" if n_speakers else ""
        sentence = f"All {n:,} devel clips{speakers}."
        if n < n_all:
            sentence = (
                f"{n:,} of {n_all:,} devel clips{speakers}, drawn with seed {self.seed} so that"
                " each class and each speaker in it comes in turn."
            )
        return {
            "n": n,
            "of": n_all,
            "n_speakers": n_speakers,
            "sentence": sentence,
            "interval": self.note,
        }

"""The explained clips, as the statistics see them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reports.explain.inputs import ExplainInputs
from reports.explain.statistics import (
    Profile,
    Units,
    class_means,
    draws,
    profile,
    sign_flips,
    units,
)
from study.metrics import interval
from study.metrics.intervals import SELDOM_COMPLETE, Interval

__all__ = ["Subject"]

Floats = NDArray[np.floating]


@dataclass(frozen=True)
class Subject:
    """Labels and speakers of the explained clips.

    Args:
        labels: Codes, (clips,).
        speakers: (clips,); None where one is unknown.
        units: What is resampled.
        n_classes: Of the networks.
        seed: Of all that is drawn.
    """

    labels: NDArray[np.intp]
    speakers: tuple[str, ...] | None
    units: Units
    n_classes: int
    seed: int

    @classmethod
    def of(cls, inputs: ExplainInputs, chosen: Sequence[int], *, seed: int) -> Subject:
        """Return the chosen ones of the inputs' clips."""
        known = inputs.speakers
        speakers = None if known is None else tuple(known[i] for i in chosen)
        labels = np.array([inputs.labels[i] for i in chosen], dtype=np.intp)
        return cls(labels, speakers, units(speakers, labels), len(inputs.classes), seed)

    @property
    def n_speakers(self) -> int | None:
        """How many; None where one is unknown."""
        return None if self.speakers is None else self.units.n

    @property
    def note(self) -> str:
        """Why there is no interval, or that it is too narrow; empty when all is well."""
        return SELDOM_COMPLETE if self.units.enough and self._drawn is None else self.units.note

    def profile(self, values: Floats) -> Profile:
        """Return the means by class of values (clips, bands), with their intervals."""
        return profile(values, self.labels, self.units, self.n_classes, drawn=self._drawn)

    @cached_property
    def _drawn(self) -> Floats | None:
        """The resamples of all profiles: with many clips they take longer than all that follows."""
        return draws(self.labels, self.units, self.n_classes, seed=self.seed)

    def halves(self, values: Floats) -> tuple[Floats, Floats]:
        """Return the means (bands,) of values (clips, bands) over two halves of each class."""
        rng, half = np.random.default_rng(self.seed), np.zeros(len(self.labels), dtype=bool)
        for code in np.unique(self.labels):
            mine = rng.permutation(np.flatnonzero(self.labels == code))
            half[mine[: len(mine) // 2]] = True
        first, second = (
            class_means(values[part], self.labels[part], self.n_classes)[-1]
            for part in (half, ~half)
        )
        return first, second

    def sign_flips(self, effects: Sequence[Floats]) -> Floats | None:
        """Return p-values (kinds, bands) of effects, (clips, bands) each; None without a test."""
        if self.speakers is None:
            return None
        return sign_flips(effects, self.labels, self.units, self.n_classes, seed=self.seed)

    def interval(self, probabilities: Floats) -> Interval:
        """Return the UAR of probabilities (clips, classes) with its interval."""
        return interval(self.labels, probabilities.argmax(1), self.speakers, seed=self.seed)

    def above_chance(self, found: Interval) -> bool:
        """Return whether a UAR on these clips is above chance, with its interval if it has one."""
        return (found.uar if found.low is None else found.low) > self.chance

    @property
    def chance(self) -> float:
        """UAR of guessing."""
        return 1 / len(np.unique(self.labels))

    def describe(self, n_all: int) -> dict[str, Any]:
        """Return which clips these are, of how many; plain JSON values."""
        n, n_speakers = len(self.labels), self.n_speakers
        who = f" of {n_speakers} speaker{'s' if n_speakers != 1 else ''}" if n_speakers else ""
        sentence = f"All {n:,} devel clips{who}."
        if n < n_all:
            sentence = (
                f"{n:,} of {n_all:,} devel clips{who}, drawn with seed {self.seed} so that each"
                " class and each speaker in it comes in turn."
            )
        return {
            "n": n,
            "of": n_all,
            "n_speakers": n_speakers,
            "sentence": sentence,
            "interval": self.note,
        }

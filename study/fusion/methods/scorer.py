"""UAR of "what is chosen so far plus one more candidate", for all candidates at once."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from study.metrics.uar import check_class_indices

SMALLEST_PROBABILITY = 1e-15


def check_candidates(
    probabilities: ArrayLike, labels: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Candidates as float64 (candidates, clips, classes) and labels as class indices (clips,).

    Raises:
        ValueError: When the shapes do not fit, there are no candidates or clips, a value is not
            finite, or an index is outside the classes.
    """
    values = np.asarray(probabilities, dtype=np.float64)
    if values.ndim != 3:
        raise ValueError(
            f"probabilities must have the axes (candidates, clips, classes), got {values.shape}"
        )
    truth = check_class_indices(labels, values.shape[1:])
    if values.shape[0] == 0:
        raise ValueError("probabilities must hold at least one candidate, got none")
    if not np.isfinite(values).all():
        raise ValueError("probabilities must be finite, got NaN or infinity")
    return values, truth


class FusionScorer:
    """Scores sums of probabilities against labels, incrementally.

    By how much a candidate prefers the true class of a clip to each rival is precomputed. Adding
    one candidate to a sum and scoring it then costs one comparison per clip and rival, and two
    calls of NumPy per rival, whatever the number of candidates and clips.

    Args:
        probabilities: (candidates, clips, classes), float64, finite; kept, not copied.
        labels: Class indices, (clips,).
    """

    def __init__(self, probabilities: NDArray[np.float64], labels: NDArray[np.intp]) -> None:
        n_clips, n_classes = probabilities.shape[1:]
        self._order = np.argsort(labels, kind="stable")  # a class is a slice
        truth = labels[self._order]
        self._starts = np.unique(truth, return_index=True)[1]
        self._sizes = np.diff(np.append(self._starts, n_clips))
        ranks = np.arange(n_classes - 1)[:, None]
        self._wins_ties = ranks >= truth  # whether it comes before a rival, (classes - 1, clips)
        self._own_at = self._order * n_classes + truth
        self._rivals_at = self._order * n_classes + ranks + self._wins_ties
        self._values = probabilities
        self._own = np.stack([one.take(self._own_at) for one in probabilities])
        self._sums = self._sums_of(probabilities)
        self._margins = next(
            margins
            for dtype in (np.float32, np.float64)
            if (margins := self._margins_as(np.dtype(dtype))) is not None
        )

    @property
    def n_candidates(self) -> int:
        """Number of candidates."""
        return len(self._values)

    def empty(self) -> NDArray[np.float64]:
        """The sum of no candidates, (clips, classes)."""
        return np.zeros(self._values.shape[1:])

    def add(self, total: NDArray[np.float64], candidate: int, weight: float = 1.0) -> None:
        """Add one candidate to a sum, in place."""
        total += weight * self._values[candidate]

    def score(self, total: NDArray[np.float64]) -> float:
        """UAR of a sum."""
        labels = self._own_at % total.shape[1]
        return float(self._uar((total.argmax(axis=1)[self._order] == labels)[None])[0])

    def scores_with(self, total: NDArray[np.float64]) -> NDArray[np.float64]:
        """UAR of the sum plus each candidate in turn, (candidates,)."""
        needed = total.take(self._rivals_at) - total.take(self._own_at)
        least = _to_exceed(needed, self._margins.dtype, self._wins_ties)
        correct = np.ones(self._own.shape, dtype=bool)
        exceeds = np.empty_like(correct)
        for margin, threshold in zip(self._margins, least, strict=True):
            np.greater(margin, threshold, out=exceeds)
            np.logical_and(correct, exceeds, out=correct)
        return self._uar(correct)

    def log_losses_with(
        self, total: NDArray[np.float64], candidates: NDArray[np.intp]
    ) -> NDArray[np.float64]:
        """Mean log-loss in nats of the sum plus each of some candidates, (len(candidates),)."""
        sums = self._sums[candidates] + self._sums_of(total)
        sums = np.maximum(sums, SMALLEST_PROBABILITY)
        own = self._own[candidates] + total.take(self._own_at)
        normalised = np.clip(own / sums, SMALLEST_PROBABILITY, 1.0)
        return np.asarray(-np.log(normalised).sum(axis=1) / normalised.shape[1])

    def ranking(self) -> NDArray[np.intp]:
        """Candidates by their own UAR, then log-loss, then position, best first."""
        uars = self.scores_with(self.empty()).round(12)
        losses = self.log_losses_with(self.empty(), np.arange(self.n_candidates))
        return np.lexsort((losses, -uars))

    def _sums_of(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Sums over the classes, (..., clips), of (..., clips, classes)."""
        return np.asarray((values @ np.ones(values.shape[-1]))[..., self._order])

    def _margins_as(self, dtype: np.dtype[Any]) -> NDArray[Any] | None:
        """True class minus rival, (classes - 1, candidates, clips); None where it is not exact.

        Differences of float16 probabilities, as trials store them, are exact in float32.
        """
        n_rivals, n_clips = self._rivals_at.shape
        margins = np.empty((n_rivals, len(self._values), n_clips), dtype)
        for candidate, (values, own) in enumerate(zip(self._values, self._own, strict=True)):
            exact = own - values.take(self._rivals_at)
            margins[:, candidate] = exact
            if (margins[:, candidate] != exact).any():
                return None
        return margins

    def _uar(self, correct: NDArray[np.bool_]) -> NDArray[np.float64]:
        counts = np.add.reduceat(correct.view(np.int8), self._starts, axis=1, dtype=np.int64)
        return np.asarray((counts / self._sizes).sum(axis=1) / len(self._sizes))


def _to_exceed(
    needed: NDArray[np.float64], dtype: np.dtype[Any], also_equal: NDArray[np.bool_]
) -> NDArray[np.floating]:
    """What values of a type exceed just where they exceed what is needed, or reach it.

    >>> _to_exceed(np.array([0.5, 0.5, 0.1]), np.dtype("f4"), np.array([False, True, True])) < 0.5
    array([False,  True,  True])
    """
    near = needed.astype(dtype)
    down = (near > needed) | (also_equal & (near == needed))
    return np.where(down, np.nextafter(near, near.dtype.type(-np.inf)), near)

"""UAR of "what is chosen so far plus one more candidate", for all candidates at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from study.metrics import check_codes

__all__ = ["FusionScorer", "check_library"]

SMALLEST_PROBABILITY = 1e-15
CACHED_VALUES = 32768  # float64 values that stay in a core's second-level cache


def check_library(
    probabilities: ArrayLike, labels: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Candidates as float64 (candidates, clips, classes) and labels as codes (clips,).

    Raises:
        ValueError: When the shapes do not fit, there are no candidates or clips, a value is not
            finite, or a code is outside the classes.
    """
    values = np.asarray(probabilities, dtype=np.float64)
    if values.ndim != 3:
        raise ValueError(
            f"probabilities must have the axes (candidates, clips, classes), got {values.shape}"
        )
    codes = check_codes(labels, values.shape[1:])
    if values.shape[0] == 0:
        raise ValueError("probabilities must hold at least one candidate, got none")
    if not np.isfinite(values).all():
        raise ValueError("probabilities must be finite, got NaN or infinity")
    return values, codes


class FusionScorer:
    """Scores sums of probabilities against labels, incrementally.

    The clips are sorted by class once, so that a class is a slice; with two classes only the
    difference of the two probabilities is looked at. Adding one candidate to a sum and scoring
    it costs one comparison per clip and class.

    Args:
        probabilities: (candidates, clips, classes), float64.
        labels: Codes, (clips,).
    """

    def __init__(self, probabilities: NDArray[np.float64], labels: NDArray[np.intp]) -> None:
        order = np.argsort(labels, kind="stable")
        present, starts = np.unique(labels[order], return_index=True)
        self.classes: list[int] = [int(code) for code in present]
        self.starts = starts
        self.sizes = np.diff(np.append(starts, labels.size))
        # (classes, candidates, clips): a class of all candidates is one block of memory
        self.planes = np.ascontiguousarray(probabilities[:, order, :].transpose(2, 0, 1))
        self.margin = self.planes[1] - self.planes[0] if len(self.planes) == 2 else None

    @property
    def n_candidates(self) -> int:
        """Number of candidates."""
        return int(self.planes.shape[1])

    def empty(self) -> NDArray[np.float64]:
        """The sum of no candidates, (classes, clips)."""
        return np.zeros((self.planes.shape[0], self.planes.shape[2]))

    def add(self, total: NDArray[np.float64], candidate: int, weight: float = 1.0) -> None:
        """Add one candidate to a sum, in place."""
        total += weight * self.planes[:, candidate]

    def score(self, total: NDArray[np.float64]) -> float:
        """UAR of a sum."""
        return float(self._uar(self._hits(total[:, None], self.empty()))[0])

    def scores_with(self, total: NDArray[np.float64]) -> NDArray[np.float64]:
        """UAR of the sum plus each candidate in turn, (candidates,)."""
        if self.margin is not None:
            second = self.margin > (total[0] - total[1])
            if 0 in self.classes:  # the first class wins ties
                end = self.sizes[0]
                np.logical_not(second[:, :end], out=second[:, :end])
            return self._uar(second)
        return self._uar(self._hits(self.planes, total))

    def log_losses_with(
        self, total: NDArray[np.float64], candidates: NDArray[np.intp]
    ) -> NDArray[np.float64]:
        """Mean log-loss in nats of the sum plus each of some candidates, (len(candidates),)."""
        everything = self.planes[:, candidates] + total[:, None]
        ends = self.starts + self.sizes
        own = np.concatenate(
            [
                everything[code, :, start:end]
                for code, start, end in zip(self.classes, self.starts, ends, strict=True)
            ],
            axis=1,
        )
        sums = np.maximum(everything.sum(axis=0), SMALLEST_PROBABILITY)
        share = np.clip(own / sums, SMALLEST_PROBABILITY, 1.0)
        return np.asarray(-np.log(share).sum(axis=1) / share.shape[1])

    def _hits(self, planes: NDArray[np.float64], total: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Whether the true class has the largest sum, (rows, clips); the first one wins ties.

        Args:
            planes: What is added to the total, (classes, rows, clips).
            total: (classes, clips).
        """
        hits = np.ones(planes.shape[1:], dtype=bool)
        for code, start, size in zip(self.classes, self.starts, self.sizes, strict=True):
            clips = slice(start, start + size)
            rows = max(1, CACHED_VALUES // size)
            for first in range(0, planes.shape[1], rows):
                block = (slice(first, first + rows), clips)
                own = planes[code][block] + total[code, clips]
                for other in range(len(planes)):
                    if other != code:
                        rival = planes[other][block] + total[other, clips]
                        # the first class wins ties
                        hits[block] &= own > rival if other < code else own >= rival
        return hits

    def _uar(self, hits: NDArray[np.bool_]) -> NDArray[np.float64]:
        counts = np.add.reduceat(hits.view(np.int8), self.starts, axis=1, dtype=np.int64)
        return np.asarray((counts / self.sizes).sum(axis=1) / len(self.sizes))

"""UAR of "what is chosen so far plus one more candidate", for all candidates at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from study.metrics import check_codes

__all__ = ["FusionScorer", "check_library"]

SMALLEST_PROBABILITY = 1e-15


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

    The clips are sorted by class once, so that a class is a slice, and by how much a candidate
    prefers the true class to each rival is precomputed. Adding one candidate to a sum and scoring
    it then costs one comparison per clip and rival.

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
        self.own = np.concatenate(
            [self.planes[code, :, clips] for code, clips in self._segments()], axis=1
        )
        self.sums = self.planes.sum(axis=0)
        self.margins = np.empty((len(self.planes) - 1, *self.own.shape))
        for code, clips in self._segments():
            for row, rival in enumerate(self._rivals(code)):
                self.margins[row, :, clips] = self.own[:, clips] - self.planes[rival, :, clips]

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
        nothing = np.zeros((len(self.margins), 1, total.shape[1]))
        return float(self._uar(self._hits(nothing, total))[0])

    def scores_with(self, total: NDArray[np.float64]) -> NDArray[np.float64]:
        """UAR of the sum plus each candidate in turn, (candidates,)."""
        return self._uar(self._hits(self.margins, total))

    def log_losses_with(
        self, total: NDArray[np.float64], candidates: NDArray[np.intp]
    ) -> NDArray[np.float64]:
        """Mean log-loss in nats of the sum plus each of some candidates, (len(candidates),)."""
        own = np.concatenate([total[code, clips] for code, clips in self._segments()])
        sums = np.maximum(self.sums[candidates] + total.sum(axis=0), SMALLEST_PROBABILITY)
        share = np.clip((self.own[candidates] + own) / sums, SMALLEST_PROBABILITY, 1.0)
        return np.asarray(-np.log(share).sum(axis=1) / share.shape[1])

    def _segments(self) -> list[tuple[int, slice]]:
        """Every class that occurs, and its clips."""
        parts = zip(self.classes, self.starts, self.sizes, strict=True)
        return [(code, slice(start, start + size)) for code, start, size in parts]

    def _rivals(self, code: int) -> list[int]:
        return [rival for rival in range(len(self.planes)) if rival != code]

    def _hits(self, margins: NDArray[np.float64], total: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Whether the true class has the largest sum, (rows, clips); the first one wins ties.

        Args:
            margins: By how much what is added prefers the true class, (rivals, rows, clips).
            total: What it is added to, (classes, clips).
        """
        hits = np.ones(margins.shape[1:], dtype=bool)
        for code, clips in self._segments():
            for row, rival in enumerate(self._rivals(code)):
                beats = np.greater if rival < code else np.greater_equal
                needed = total[rival, clips] - total[code, clips]
                hits[:, clips] &= beats(margins[row, :, clips], needed)
        return hits

    def _uar(self, hits: NDArray[np.bool_]) -> NDArray[np.float64]:
        counts = np.add.reduceat(hits.view(np.int8), self.starts, axis=1, dtype=np.int64)
        return np.asarray((counts / self.sizes).sum(axis=1) / len(self.sizes))

"""The fusions there are. A method fits on some clips and gives something that scores others.

Every method has one signature, so that the honest estimate can repeat all of it on any clips:
`method(probabilities, labels, speakers=..., families=...) -> Fitted`.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from functools import partial
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from study import ensemble

__all__ = ["DEFAULT", "METHODS", "Fitted", "Method", "best_single", "top_k", "uniform", "weighted"]

DEFAULT = "bagged_greedy"


class Fitted(Protocol):
    """What a method gives: positions of the members, and scores of any clips."""

    @property
    def members(self) -> tuple[int, ...]:
        """Positions of the candidates that are needed."""
        ...

    def scores(self, probabilities: ArrayLike) -> NDArray[np.float64]:
        """Probabilities, (clips, classes), of all candidates', (candidates, clips, classes)."""
        ...


class Method(Protocol):
    """Fits a fusion.

    Args:
        probabilities: (candidates, clips, classes).
        labels: Codes, (clips,).
        speakers: What is held out together within the method, codes, (clips,).
        families: Backbone family of every candidate.
    """

    def __call__(
        self,
        probabilities: NDArray[np.float64],
        labels: NDArray[np.intp],
        *,
        speakers: NDArray[np.intp],
        families: Sequence[Hashable],
    ) -> Fitted:
        """Fit on these clips."""
        ...


def weighted(
    probabilities: NDArray[np.float64],
    labels: NDArray[np.intp],
    *,
    speakers: NDArray[np.intp],
    families: Sequence[Hashable],
    max_members: int = ensemble.MAX_MEMBERS,
    seed: int = 0,
) -> ensemble.Selection:
    """The default: bagged greedy selection, plain below 20 candidates."""
    return ensemble.select(
        probabilities, labels, families=families, max_members=max_members, seed=seed
    )


def best_single(
    probabilities: NDArray[np.float64],
    labels: NDArray[np.intp],
    *,
    speakers: NDArray[np.intp],
    families: Sequence[Hashable],
) -> ensemble.Selection:
    """The candidate with the best UAR alone."""
    return ensemble.best_single(probabilities, labels)


def uniform(
    probabilities: NDArray[np.float64],
    labels: NDArray[np.intp],
    *,
    speakers: NDArray[np.intp],
    families: Sequence[Hashable],
) -> ensemble.Selection:
    """All candidates with equal weights."""
    return ensemble.uniform_average(probabilities, labels)


def top_k(
    probabilities: NDArray[np.float64],
    labels: NDArray[np.intp],
    *,
    speakers: NDArray[np.intp],
    families: Sequence[Hashable],
    k: int = 5,
) -> ensemble.Selection:
    """The best few with equal weights."""
    return ensemble.top_k_average(probabilities, labels, k=k)


METHODS: dict[str, Method] = {
    DEFAULT: weighted,
    "best_single": best_single,
    "uniform": uniform,
    "top_k": partial(top_k, k=5),
}

"""What a fusion method is: it fits on some clips and gives something that scores others."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray


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
        labels: Class indices, (clips,).
        speakers: What is held out together within the method, integers, (clips,).
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

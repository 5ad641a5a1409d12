"""The fusions there are. A method fits on some clips and gives something that scores others.

Every method has one signature, so that the honest estimate can repeat all of it on any clips:
`method(probabilities, labels, speakers=..., families=...) -> Fitted`.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

from study import ensemble
from study.ensemble_limits import Limits
from study.fusion_cma import cma_es
from study.fusion_decided import with_decision, with_temperatures
from study.fusion_protocol import Fitted, Method
from study.fusion_stacking import majority_vote, stacking

__all__ = [
    "COMPARED",
    "DEFAULT",
    "METHODS",
    "Fitted",
    "Method",
    "bagged_greedy",
    "best_single",
    "top_k",
    "uniform",
]

DEFAULT = "bagged_greedy"


def bagged_greedy(
    probabilities: NDArray[np.float64],
    labels: NDArray[np.intp],
    *,
    speakers: NDArray[np.intp],
    families: Sequence[Hashable],
    max_members: int = ensemble.MAX_MEMBERS,
    limits: Limits | None = None,
    seed: int = 0,
) -> ensemble.Selection:
    """The default: bagged greedy selection, plain below 20 candidates."""
    return ensemble.select(
        probabilities,
        labels,
        families=families,
        max_members=max_members,
        limits=limits,
        seed=seed,
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
    DEFAULT: bagged_greedy,
    "best_single": best_single,
    "uniform": uniform,
    "top_k": top_k,
    "cma_es": cma_es,
    "stacking": stacking,
    "majority_vote": majority_vote,
    "tempered": with_temperatures(bagged_greedy),
    "decided": with_decision(bagged_greedy),
}
# what may replace the default, if it gains enough
COMPARED = (DEFAULT, "cma_es", "stacking", "majority_vote", "tempered", "decided")

"""The fusions there are. A method fits on some clips and gives something that scores others.

Every method has one signature, so that the honest estimate can repeat all of it on any clips:
`method(probabilities, labels, speakers=..., families=...) -> Fitted`.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from study.fusion.methods import references as ensemble
from study.fusion.methods.cma_es import cma_es
from study.fusion.methods.decision_wrappers import with_decision, with_temperatures
from study.fusion.methods.limits import Limits
from study.fusion.methods.stacking import majority_vote, stacking
from study.honest import Fitted, Method

__all__ = [
    "COMPARED",
    "DEFAULT",
    "METHODS",
    "REFERENCES",
    "Fitted",
    "Method",
    "bagged_greedy",
    "best_single",
    "fusion_methods",
    "greedy",
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


def greedy(
    probabilities: NDArray[np.float64],
    labels: NDArray[np.intp],
    *,
    speakers: NDArray[np.intp],
    families: Sequence[Hashable],
    max_members: int = ensemble.MAX_MEMBERS,
    limits: Limits | None = None,
) -> ensemble.Selection:
    """Plain greedy selection with replacement, without bags."""
    return ensemble.greedy(probabilities, labels, max_members=max_members, limits=limits)


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


def fusion_methods(
    *, max_members: int = ensemble.MAX_MEMBERS, limits: Limits | None = None, seed: int = 0
) -> dict[str, Method]:
    """Every method by its name, the default first.

    Args:
        max_members: Most candidates in a fusion; the references know no limits.
        limits: What the members may cost together.
        seed: Of the bags and of CMA-ES.
    """
    default = partial(bagged_greedy, max_members=max_members, limits=limits, seed=seed)
    return {
        DEFAULT: default,
        "greedy": partial(greedy, max_members=max_members, limits=limits),
        "best_single": best_single,
        "uniform": uniform,
        "top_k": top_k,
        "cma_es": partial(cma_es, max_members=max_members, limits=limits, seed=seed),
        "stacking": partial(stacking, max_members=max_members, limits=limits),
        "majority_vote": partial(majority_vote, max_members=max_members, limits=limits),
        "tempered": with_temperatures(default),
        "decided": with_decision(default, calibrate=False),
    }


METHODS = fusion_methods()
# what an honest estimate compares a fusion with
REFERENCES: dict[str, Method] = {"single": best_single, "uniform": uniform}
# what may replace the default, if it gains enough; the decision rule is chosen by itself
COMPARED = (DEFAULT, "cma_es", "stacking", "majority_vote", "tempered")

"""Selection of the fusion set, and the references it is printed beside.

The one import for everything about selection; the two rules have a file each.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from study.fusion.methods.bagged import MAX_MEMBERS, bagged_greedy
from study.fusion.methods.greedy import Selection, Step, check_at_least_one, greedy
from study.fusion.methods.limits import Limits, limits_of
from study.fusion.methods.scorer import FusionScorer, check_library
from study.honest.candidates import positions_by_key

__all__ = [
    "BAGGED_FROM",
    "MAX_MEMBERS",
    "Limits",
    "Selection",
    "Step",
    "bagged_greedy",
    "best_single",
    "combine",
    "greedy",
    "limits_of",
    "merge_seeds",
    "select",
    "top_k_average",
    "uniform_average",
]

BAGGED_FROM = 20  # candidates; bags of fewer than ten choose too little


def select(
    probabilities: ArrayLike,
    labels: ArrayLike,
    *,
    families: Sequence[Hashable] | None = None,
    max_members: int = MAX_MEMBERS,
    limits: Limits | None = None,
    seed: int = 0,
) -> Selection:
    """The default fusion: bagged greedy selection from `BAGGED_FROM` candidates on, else plain.

    Args:
        probabilities: (candidates, clips, classes).
        labels: Class indices, (clips,).
        families: Backbone family of every candidate.
        max_members: Most candidates in the fusion.
        limits: What the members may cost together (`study.fusion.methods.limits.limits_of`).
        seed: Of the bags.

    Raises:
        ValueError: As `greedy`.
    """
    values, codes = check_library(probabilities, labels)
    if len(values) < BAGGED_FROM:
        return greedy(values, codes, max_members=max_members, limits=limits)
    return bagged_greedy(
        values, codes, families=families, max_members=max_members, limits=limits, seed=seed
    )


def best_single(probabilities: ArrayLike, labels: ArrayLike) -> Selection:
    """The one candidate with the best UAR; ties go to the lower log-loss, then the position.

    Raises:
        ValueError: As `greedy`.
    """
    first = greedy(probabilities, labels, n_steps=1)
    return Selection("best_single", first.uar, first.members, first.weights, first.trajectory)


def uniform_average(probabilities: ArrayLike, labels: ArrayLike) -> Selection:
    """All candidates with equal weights.

    Raises:
        ValueError: As `greedy`.
    """
    values, codes = check_library(probabilities, labels)
    uar = _uar_of_sum(values, codes)
    n = len(values)
    return Selection("uniform", uar, tuple(range(n)), (1 / n,) * n)


def top_k_average(probabilities: ArrayLike, labels: ArrayLike, *, k: int = 5) -> Selection:
    """The `k` candidates with the best UAR, with equal weights; all when there are fewer.

    Raises:
        ValueError: As `greedy`.
    """
    check_at_least_one(k=k)
    values, codes = check_library(probabilities, labels)
    scorer = FusionScorer(values, codes)
    everyone = np.arange(len(values))
    losses = scorer.log_losses_with(scorer.empty(), everyone)
    uars = scorer.scores_with(scorer.empty()).round(12)
    best = np.lexsort((everyone, losses, -uars))[:k]
    uar = _uar_of_sum(values[best], codes)
    members = tuple(sorted(int(member) for member in best))
    return Selection("top_k", uar, members, (1 / len(members),) * len(members))


def combine(probabilities: ArrayLike, selection: Selection) -> NDArray[np.float64]:
    """The fusion's probabilities.

    Args:
        probabilities: All candidates, in the order they were selected from,
            (candidates, ..., classes).
        selection: Members and weights.

    Returns:
        Weighted average, (..., classes).
    """
    return selection.scores(probabilities)


def merge_seeds(
    probabilities: Sequence[ArrayLike], spec_digests: Sequence[Hashable]
) -> tuple[NDArray[np.float64], tuple[tuple[int, ...], ...]]:
    """Average the probabilities of repeated seeds: trials of one spec are one candidate.

    Args:
        probabilities: One array per trial, all of one shape.
        spec_digests: What is equal for repeated seeds of one spec, one per trial.

    Returns:
        The candidates' probabilities, (candidates, ...), and the positions of the trials that
        each stands for, in order of first appearance.

    Raises:
        ValueError: When there is not one digest per trial.
    """
    groups = positions_by_key(spec_digests, len(probabilities))
    merged = [
        np.mean([np.asarray(probabilities[i], dtype=np.float64) for i in group], axis=0)
        for group in groups
    ]
    return np.stack(merged), tuple(tuple(int(i) for i in group) for group in groups)


def _uar_of_sum(values: NDArray[np.float64], codes: NDArray[np.intp]) -> float:
    scorer = FusionScorer(values.sum(axis=0, keepdims=True), codes)
    return float(scorer.scores_with(scorer.empty())[0])

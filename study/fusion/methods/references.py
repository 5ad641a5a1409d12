"""Simple choices: what a fusion is printed beside, and the majority vote."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from study.fusion.methods.absent import absent_classes
from study.fusion.methods.greedy import MAX_MEMBERS, check_at_least_one, greedy
from study.fusion.methods.limits import Limits, fitting
from study.fusion.methods.rule import FusionRule
from study.fusion.methods.scorer import FusionScorer, check_candidates
from study.fusion.methods.selection import Selection


def best_single(
    probabilities: ArrayLike,
    labels: ArrayLike,
    *,
    speakers: NDArray[np.intp] | None = None,
    families: Sequence[Hashable] | None = None,
    limits: Limits | None = None,
) -> Selection:
    """The one candidate with the best UAR; ties go to the lower log-loss, then the position.

    Raises:
        ValueError: As `greedy`.
    """
    return replace(greedy(probabilities, labels, n_steps=1, limits=limits), method="best_single")


def uniform(
    probabilities: ArrayLike,
    labels: ArrayLike,
    *,
    speakers: NDArray[np.intp] | None = None,
    families: Sequence[Hashable] | None = None,
    max_members: int | None = None,
    limits: Limits | None = None,
) -> Selection:
    """All candidates with equal weights; where all are too many, the best by UAR that fit.

    Raises:
        ValueError: As `greedy`.
    """
    values, truth = check_candidates(probabilities, labels)
    ranking = FusionScorer(values, truth).ranking()
    members = sorted(fitting(ranking, limits, most=max_members).tolist())
    rule = FusionRule.equal("average", len(members))
    return Selection.from_members("uniform", values, truth, members, rule)


def top_k(
    probabilities: ArrayLike,
    labels: ArrayLike,
    *,
    speakers: NDArray[np.intp] | None = None,
    families: Sequence[Hashable] | None = None,
    k: int = 5,
) -> Selection:
    """The `k` candidates with the best UAR, with equal weights; all when there are fewer.

    Raises:
        ValueError: As `greedy`.
    """
    check_at_least_one(k=k)
    values, truth = check_candidates(probabilities, labels)
    members = sorted(FusionScorer(values, truth).ranking()[:k].tolist())
    rule = FusionRule.equal("average", len(members))
    return Selection.from_members("top_k", values, truth, members, rule)


def majority_vote(
    probabilities: NDArray[np.float64],
    labels: NDArray[np.intp],
    *,
    speakers: NDArray[np.intp] | None = None,
    families: Sequence[Hashable] | None = None,
    max_members: int = MAX_MEMBERS,
    limits: Limits | None = None,
) -> Selection:
    """One vote for each of the candidates with the best UAR that fit."""
    ranking = FusionScorer(probabilities, labels).ranking()
    members = sorted(fitting(ranking, limits, most=max_members).tolist())
    absent = absent_classes(labels, probabilities.shape[-1])
    rule = FusionRule.equal("vote", len(members), absent=absent)
    return Selection.from_members("majority_vote", probabilities, labels, members, rule)

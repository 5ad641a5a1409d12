"""Greedy selection from bags: Caruana et al., "Getting the most out of ensemble selection".

ICDM 2006. A bag is half the candidates, the same fraction of every backbone family.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from study.fusion.methods.greedy import (
    MAX_MEMBERS,
    best_prefix,
    check_at_least_one,
    greedy,
    greedy_steps,
    heaviest_first,
)
from study.fusion.methods.limits import Limits, fitting
from study.fusion.methods.rule import FusionRule
from study.fusion.methods.scorer import FusionScorer, check_candidates
from study.fusion.methods.selection import Selection, Step
from study.honest.candidates import positions_by_key

__all__ = ["BAGGED_FROM", "bagged_greedy"]

BAGGED_FROM = 20  # candidates; bags of fewer than ten choose too little


def bagged_greedy(
    probabilities: ArrayLike,
    labels: ArrayLike,
    *,
    speakers: NDArray[np.intp] | None = None,
    families: Sequence[Hashable] | None = None,
    n_bags: int = 20,
    fraction: float = 0.5,
    max_members: int = MAX_MEMBERS,
    n_steps: int = 25,
    limits: Limits | None = None,
    plain_below: int = 0,
    seed: int = 0,
) -> Selection:
    """Greedy selection from many random halves of the candidates, their weights summed.

    Candidates then enter by descending weight over the bags, and the best prefix of at most
    `max_members` is kept; that path is the trajectory.

    Args:
        probabilities: (candidates, clips, classes).
        labels: Class indices, (clips,).
        speakers: Not used.
        families: Backbone family of every candidate; a bag takes the same fraction of each. One
            family when None.
        n_bags: Number of bags.
        fraction: Fraction of the candidates in a bag.
        max_members: Most distinct candidates in the fusion.
        n_steps: Most choices per bag, counting repetitions.
        limits: What the members may cost together; on the path those that do not fit are skipped.
        plain_below: Of fewer candidates plain greedy selection, whatever the options of bags.
        seed: Of the bags.

    Raises:
        ValueError: As `greedy`, or when `fraction` is not in (0, 1] or the families do not fit.
    """
    check_at_least_one(n_steps=n_steps, max_members=max_members, n_bags=n_bags)
    if not 0 < fraction <= 1:
        raise ValueError(f"fraction must lie in (0, 1], got fraction={fraction}")
    values, truth = check_candidates(probabilities, labels)
    if len(values) < plain_below:
        return greedy(values, truth, max_members=max_members, limits=limits)
    groups = positions_by_key([None] * len(values) if families is None else families, len(values))
    if limits is not None:
        alone = limits.affordable(np.zeros(len(values), dtype=bool))
        groups = [group[alone[group]] for group in groups if alone[group].any()]
    rng = np.random.default_rng(seed)
    scorer = FusionScorer(values, truth)
    weights = np.zeros(len(values))
    for _ in range(n_bags):
        bag = _draw_bag(groups, fraction, rng)
        steps = greedy_steps(scorer.subset(bag), n_steps=n_steps)
        kept = best_prefix([step.uar for step in steps])
        chosen = [step.member for step in steps[:kept]]
        weights[bag] += np.bincount(chosen, minlength=bag.size) / kept
    order = np.lexsort((np.arange(weights.size), -weights.round(12)))
    order = fitting(order[weights[order] > 0], limits, most=max_members)
    total, path = scorer.empty(), []
    for n, member in enumerate(order, start=1):
        scorer.add(total, member, weights[member])
        path.append(Step(n, int(member), scorer.score(total)))
    kept = best_prefix([step.uar for step in path])
    weights[np.setdiff1d(np.arange(weights.size), order[:kept])] = 0
    members, weights_kept = heaviest_first(weights)
    rule = FusionRule("average", weights_kept)
    return Selection("bagged_greedy", path[kept - 1].uar, members, rule, tuple(path))


def _draw_bag(
    groups: Sequence[NDArray[np.intp]], fraction: float, rng: np.random.Generator
) -> NDArray[np.intp]:
    """The same fraction of every family; what is left of a candidate is drawn. Never empty."""
    parts = []
    for group in groups:
        expected = len(group) * fraction
        size = int(expected) + int(rng.random() < expected - int(expected))
        parts.append(rng.choice(group, size=size, replace=False))
    bag = np.concatenate(parts)
    if bag.size == 0:
        bag = rng.choice(np.concatenate(groups), size=1)
    return np.sort(bag)

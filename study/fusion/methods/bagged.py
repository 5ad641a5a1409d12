"""Greedy selection from bags: Caruana et al., "Getting the most out of ensemble selection".

ICDM 2006. A bag is half the library, the same share of every backbone family.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from study.fusion.methods.greedy import (
    Selection,
    Step,
    best_prefix,
    check_at_least_one,
    greedy_steps,
    normalised,
)
from study.fusion.methods.limits import Limits, fitting
from study.fusion.methods.scorer import FusionScorer, check_library
from study.honest.candidates import positions_by_key

__all__ = ["MAX_MEMBERS", "bagged_greedy"]

MAX_MEMBERS = 8  # what refit, export and serving still carry


def bagged_greedy(
    probabilities: ArrayLike,
    labels: ArrayLike,
    *,
    families: Sequence[Hashable] | None = None,
    n_bags: int = 20,
    fraction: float = 0.5,
    max_members: int = MAX_MEMBERS,
    n_steps: int = 25,
    limits: Limits | None = None,
    seed: int = 0,
) -> Selection:
    """Greedy selection from many random halves of the library, their weights summed.

    Candidates then enter by descending bag weight, and the best prefix of at most `max_members`
    is kept; that path is the trajectory.

    Args:
        probabilities: (candidates, clips, classes).
        labels: Class indices, (clips,).
        families: Backbone family of every candidate; a bag takes the same share of each. One
            family when None.
        n_bags: Number of bags.
        fraction: Share of the library in a bag.
        max_members: Most distinct candidates in the fusion.
        n_steps: Most choices per bag, counting repetitions.
        limits: What the members may cost together; on the path those that do not fit are skipped.
        seed: Of the bags.

    Raises:
        ValueError: As `greedy`, or when `fraction` is not in (0, 1] or the families do not fit.
    """
    check_at_least_one(n_steps=n_steps, max_members=max_members, n_bags=n_bags)
    if not 0 < fraction <= 1:
        raise ValueError(f"fraction must lie in (0, 1], got fraction={fraction}")
    values, codes = check_library(probabilities, labels)
    groups = positions_by_key([None] * len(values) if families is None else families, len(values))
    if limits is not None:
        alone = limits.affordable(np.zeros(len(values), dtype=bool))
        groups = [group[alone[group]] for group in groups if alone[group].any()]
    rng = np.random.default_rng(seed)
    scorer = FusionScorer(values, codes)
    bag_weights = np.zeros(len(values))
    for _ in range(n_bags):
        bag = _draw_bag(groups, fraction, rng)
        bag_weights[bag] += _greedy_weights(scorer.of(bag), n_steps)
    order = _path(bag_weights, max_members, limits)
    total, steps = scorer.empty(), []
    for n, member in enumerate(order):
        scorer.add(total, member, bag_weights[member])
        steps.append(Step(n + 1, int(member), scorer.score(total)))
    kept = best_prefix([step.uar for step in steps])
    weights_kept = np.zeros(len(values))
    weights_kept[order[:kept]] = bag_weights[order[:kept]]
    return Selection("bagged_greedy", steps[kept - 1].uar, *normalised(weights_kept), tuple(steps))


def _greedy_weights(scorer: FusionScorer, n_steps: int) -> NDArray[np.float64]:
    steps = greedy_steps(scorer, n_steps=n_steps)
    kept = best_prefix([step.uar for step in steps])
    counts = np.bincount([step.member for step in steps[:kept]], minlength=scorer.n_candidates)
    return counts / kept


def _path(
    bag_weights: NDArray[np.float64], max_members: int, limits: Limits | None
) -> NDArray[np.intp]:
    """The members in the order in which they enter: heaviest first, while they fit."""
    order = np.lexsort((np.arange(bag_weights.size), -bag_weights.round(12)))
    return fitting(order[bag_weights[order] > 0], limits, most=max_members)


def _draw_bag(
    groups: Sequence[NDArray[np.intp]], fraction: float, rng: np.random.Generator
) -> NDArray[np.intp]:
    """The same share of every family; what is left of a candidate is drawn. Never empty."""
    parts = []
    for group in groups:
        wanted = len(group) * fraction
        size = int(wanted) + int(rng.random() < wanted - int(wanted))
        parts.append(rng.choice(group, size=size, replace=False))
    bag = np.concatenate(parts)
    if bag.size == 0:
        bag = rng.choice(np.concatenate(groups), size=1)
    return np.sort(bag)

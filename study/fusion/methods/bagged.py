"""Greedy selection from bags of candidates and speakers: the default fusion.

Caruana et al., "Getting the most out of ensemble selection", ICDM 2006, draw half of the candidates
for every bag. Here every bag also draws its speakers anew, as a bootstrap does: what one voice
liked gets little weight, and what most speakers agree on gets much.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from study.fusion.methods.greedy import (
    MAX_MEMBERS,
    best_prefix,
    check_at_least_one,
    greedy_steps,
    heaviest_first,
)
from study.fusion.methods.limits import Limits, fitting
from study.fusion.methods.rule import FusionRule
from study.fusion.methods.scorer import FusionScorer, check_candidates
from study.fusion.methods.selection import Selection, Step
from study.honest.candidates import positions_by_key
from study.honest.held_out import bootstrap_samples

LEAST_IN_A_BAG = 6  # candidates: half of three is one, and a bag of one chooses nothing


def bagged_greedy(
    probabilities: ArrayLike,
    labels: ArrayLike,
    *,
    speakers: NDArray[np.intp] | None = None,
    families: Sequence[Hashable] | None = None,
    n_bags: int = 20,
    fraction: float = 0.5,
    max_members: int = MAX_MEMBERS,
    n_steps: int = 10,
    limits: Limits | None = None,
    seed: int = 0,
) -> Selection:
    """Greedy selection from random halves of the candidates, each on a bootstrap of the speakers.

    The weight of a candidate is its mean over the bags. The heaviest `max_members` are kept, and
    no shorter prefix is looked for: choosing one by the UAR of all clips would bring back what the
    bags have averaged out (docs/log.md, 29 November 2026). The trajectory shows them entering.

    Args:
        probabilities: (candidates, clips, classes).
        labels: Class indices, (clips,).
        speakers: What is drawn together, integers, (clips,); single clips when None or only one.
        families: Backbone family of every candidate; a bag takes the same fraction of each. One
            family when None.
        n_bags: Number of bags.
        fraction: Fraction of the candidates in a bag, of at least `LEAST_IN_A_BAG` or all.
        max_members: Most distinct candidates in the fusion.
        n_steps: Most choices per bag, counting repetitions.
        limits: What the members may cost together; those that do not fit are skipped.
        seed: Of the bags.

    Raises:
        ValueError: As `greedy`, or when `fraction` is not in (0, 1] or the families do not fit.
    """
    check_at_least_one(n_steps=n_steps, max_members=max_members, n_bags=n_bags)
    if not 0 < fraction <= 1:
        raise ValueError(f"fraction must lie in (0, 1], got fraction={fraction}")
    values, truth = check_candidates(probabilities, labels)
    groups = positions_by_key([None] * len(values) if families is None else families, len(values))
    if limits is not None:
        alone = limits.affordable(np.zeros(len(values), dtype=bool))
        groups = [group[alone[group]] for group in groups if alone[group].any()]
    fraction = max(fraction, min(1.0, LEAST_IN_A_BAG / sum(map(len, groups))))
    drawn = np.arange(truth.size) if speakers is None or np.ptp(speakers) == 0 else speakers
    samples = bootstrap_samples(
        truth, np.unique(drawn, return_inverse=True)[1], n_resamples=n_bags, seed=seed
    )
    rng = np.random.default_rng(seed)
    weights = np.zeros(len(values))
    for clips, _ in samples:
        bag = _draw_bag(groups, fraction, rng)
        scorer = FusionScorer(values[np.ix_(bag, clips)], truth[clips])
        steps = greedy_steps(scorer, n_steps=n_steps)
        kept = best_prefix([step.uar for step in steps])
        chosen = [step.member for step in steps[:kept]]
        weights[bag] += np.bincount(chosen, minlength=bag.size) / kept
    weights = weights.round(12)  # equal ones are told apart by position alone
    order = np.lexsort((np.arange(weights.size), -weights))
    order = fitting(order[weights[order] > 0], limits, most=max_members)
    whole = FusionScorer(values, truth)
    total, path = whole.empty(), []
    for n, member in enumerate(order, start=1):
        whole.add(total, member, weights[member])
        path.append(Step(n, int(member), whole.score(total)))
    weights[np.setdiff1d(np.arange(weights.size), order)] = 0
    members, weights_kept = heaviest_first(weights)
    rule = FusionRule("average", weights_kept)
    return Selection("bagged_greedy", path[-1].uar, members, rule, tuple(path))


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

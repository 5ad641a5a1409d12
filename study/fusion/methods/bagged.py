"""Greedy selection from bags of candidates and speakers: the default fusion.

Caruana et al., "Getting the most out of ensemble selection", ICDM 2006, draw half of the candidates
for every bag. Here every bag also draws its speakers anew, as a bootstrap does: what one voice
liked gets little weight, and what most speakers agree on gets much. Half of a bag's weight is not
selected but shared out by exp(UAR / 0.1): a few devel speakers cannot tell candidates apart that
differ by a point, and there the fusion must stay near an average.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

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
from study.honest.held_out import Split, bootstrap_samples
from study.metrics.uar import uar_of_correct

LEAST_IN_A_BAG = 6  # candidates: half of three is one, and a bag of one chooses nothing
# Both measured on speakers hidden from the selection (docs/log.md, 29 November 2026).
SHARED = 0.5  # of the weight: by UAR, not by selection
UAR_SCALE = 0.1  # a candidate that is better by this gets e times the shared weight


@dataclass(frozen=True)
class Bag:
    """One bag: what it weighs the candidates with, and the clips that it did so on.

    Args:
        split: The clips drawn, and those of the speakers who were not.
        weights: Of all candidates, (candidates,); they sum to 1.
        uars: Of each candidate alone on the clips drawn, (candidates,); -inf where it may not be a
            member.
    """

    split: Split
    weights: NDArray[np.float64]
    uars: NDArray[np.float64]


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

    In a bag, half of the weight is what greedy selection gives, half proportional to
    exp(UAR / UAR_SCALE) of all candidates; the weight of a candidate is its mean over the bags. The
    heaviest `max_members` are kept, and no shorter prefix is looked for: choosing one by the UAR of
    all clips would bring back what the bags have averaged out (docs/log.md, 29 November 2026). The
    trajectory shows them entering.

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
    check_at_least_one(max_members=max_members)
    values, truth = check_candidates(probabilities, labels)
    bags = draw_bags(
        values,
        truth,
        groups=drawn_together(speakers, truth.size),
        families=families,
        n_bags=n_bags,
        fraction=fraction,
        n_steps=n_steps,
        limits=limits,
        seed=seed,
    )
    return average_of_bags(values, truth, bags, max_members=max_members, limits=limits)


def drawn_together(speakers: NDArray[np.intp] | None, n_clips: int) -> NDArray[np.intp]:
    """What a bag draws together, integers from 0, (clips,): speakers, or clips with one of them."""
    if speakers is None or np.ptp(speakers) == 0:
        return np.arange(n_clips)
    return np.unique(speakers, return_inverse=True)[1]


def draw_bags(
    values: NDArray[np.float64],
    truth: NDArray[np.intp],
    *,
    groups: NDArray[np.intp],
    families: Sequence[Hashable] | None,
    n_bags: int = 20,
    fraction: float = 0.5,
    n_steps: int = 10,
    limits: Limits | None = None,
    seed: int = 0,
) -> list[Bag]:
    """Return the bags of `bagged_greedy`.

    Args:
        values: (candidates, clips, classes).
        truth: Class indices, (clips,).
        groups: What is drawn together, integers from 0, (clips,).
        families: As in `bagged_greedy`, like the rest.
        n_bags: Their number.
        fraction: Of the candidates in each.
        n_steps: Most choices per bag.
        limits: Candidates that do not fit alone are in no bag.
        seed: Of the bags.

    Raises:
        ValueError: As `bagged_greedy`.
    """
    check_at_least_one(n_steps=n_steps, n_bags=n_bags)
    if not 0 < fraction <= 1:
        raise ValueError(f"fraction must lie in (0, 1], got fraction={fraction}")
    n = len(values)
    by_family = positions_by_key([None] * n if families is None else families, n)
    alone = np.ones(n, bool) if limits is None else limits.affordable(np.zeros(n, dtype=bool))
    by_family = [family[alone[family]] for family in by_family if alone[family].any()]
    fraction = max(fraction, min(1.0, LEAST_IN_A_BAG / alone.sum()))
    correct = values.argmax(axis=-1) == truth
    rng = np.random.default_rng(seed)
    bags = []
    for split in bootstrap_samples(truth, groups, n_resamples=n_bags, seed=seed):
        clips = split.inside
        bag = _draw_bag(by_family, fraction, rng)
        scorer = FusionScorer(values[np.ix_(bag, clips)], truth[clips])
        steps = greedy_steps(scorer, n_steps=n_steps)
        kept = best_prefix([step.uar for step in steps])
        chosen = [step.member for step in steps[:kept]]
        uars = np.where(alone, uar_of_correct(truth[clips], correct[:, clips]), -np.inf)
        shares = np.exp((uars - uars.max()) / UAR_SCALE)
        weights = SHARED * shares / shares.sum()
        weights[bag] += (1 - SHARED) * np.bincount(chosen, minlength=bag.size) / kept
        bags.append(Bag(split, weights, uars))
    return bags


def average_of_bags(
    values: NDArray[np.float64],
    truth: NDArray[np.intp],
    bags: Sequence[Bag],
    *,
    max_members: int,
    limits: Limits | None,
) -> Selection:
    """Return the fusion of the candidates with the heaviest mean weights.

    Args:
        values: (candidates, clips, classes).
        truth: Class indices, (clips,).
        bags: Of these candidates.
        max_members: Most candidates in it.
        limits: What they may cost together.
    """
    weights = mean_weights(bags)
    order = heaviest(weights, max_members, limits)
    whole = FusionScorer(values, truth)
    total, path = whole.empty(), []
    for n, member in enumerate(order, start=1):
        whole.add(total, member, weights[member])
        path.append(Step(n, int(member), whole.score(total)))
    weights[np.setdiff1d(np.arange(weights.size), order)] = 0
    members, weights_kept = heaviest_first(weights)
    rule = FusionRule("average", weights_kept)
    return Selection("bagged_greedy", path[-1].uar, members, rule, tuple(path))


def mean_weights(bags: Sequence[Bag]) -> NDArray[np.float64]:
    """What bags weigh the candidates with on average, (candidates,)."""
    weights = np.mean([bag.weights for bag in bags], axis=0)
    return np.asarray(weights.round(12))  # equal ones are told apart by position alone


def heaviest(
    weights: NDArray[np.float64], max_members: int, limits: Limits | None
) -> NDArray[np.intp]:
    """Positions of the heaviest candidates that may be members together, heaviest first."""
    order = np.argsort(-weights, kind="stable")
    return fitting(order[weights[order] > 0], limits, most=max_members)


def _draw_bag(
    families: Sequence[NDArray[np.intp]], fraction: float, rng: np.random.Generator
) -> NDArray[np.intp]:
    """The same fraction of every family; what is left of a candidate is drawn. Never empty."""
    parts = []
    for group in families:
        expected = len(group) * fraction
        size = int(expected) + int(rng.random() < expected - int(expected))
        parts.append(rng.choice(group, size=size, replace=False))
    bag = np.concatenate(parts)
    if bag.size == 0:
        bag = rng.choice(np.concatenate(families), size=1)
    return np.sort(bag)

"""Which system ends a study: the fusion, the average of all, or the best single trial?

Whatever selects can lose to what does not, where devel is small. Every bag of `bagged_greedy`
leaves speakers out, and they judge: the fusion of the bags without a speaker, the best single
trial in each of those bags, and the average. Where not all candidates may be members, those of
the fusion and of the average are chosen in the bags alone, too.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from study.fusion.methods.absent import absent_classes
from study.fusion.methods.bagged import (
    Bag,
    average_of_bags,
    draw_bags,
    drawn_together,
    heaviest,
    mean_weights,
)
from study.fusion.methods.greedy import MAX_MEMBERS
from study.fusion.methods.limits import Limits, fitting
from study.fusion.methods.references import best_single, uniform
from study.fusion.methods.rule import FusionRule
from study.fusion.methods.scorer import check_candidates
from study.fusion.methods.selection import Selection
from study.metrics import count_by_speaker
from study.metrics.speaker_counts import paired_difference
from study.text import percent

CALLED = {
    "fusion": "the fusion",
    "uniform": "the average of all",
    "single": "the best single trial",
}
NOT_JUDGED = "chosen: the fusion, since devel lacks a class that another system may spoil unseen"
TIE = 1e-9


class Worth(NamedTuple):
    """UAR of a system on speakers that it was not fitted on, in [0, 1].

    Args:
        uar: The UAR.
        gain: Paired difference to the fusion.
        gain_se: Its standard error over speakers, None with fewer than 5.
    """

    uar: float
    gain: float = 0.0
    gain_se: float | None = None


def chosen(
    probabilities: ArrayLike,
    labels: ArrayLike,
    *,
    speakers: NDArray[np.intp] | None = None,
    families: Sequence[Hashable] | None = None,
    max_members: int | None = None,
    limits: Limits | None = None,
    seed: int = 0,
) -> Selection:
    """The fusion, the average or the best single trial: whichever is worth most.

    It is a method like the others, so the honest estimate repeats this choice too.

    Args:
        probabilities: (candidates, clips, classes).
        labels: Class indices, (clips,).
        speakers: What is drawn and judged together, integers, (clips,).
        families: As in `bagged_greedy`.
        max_members: Most candidates; when None, `MAX_MEMBERS` of a fusion and all of an average.
        limits: What the members may cost together.
        seed: Of the bags.

    Raises:
        ValueError: As `bagged_greedy`.
    """
    values, truth = check_candidates(probabilities, labels)
    groups = drawn_together(speakers, truth.size)
    bags = draw_bags(values, truth, groups=groups, families=families, limits=limits, seed=seed)
    most = max_members or MAX_MEMBERS
    fusion = average_of_bags(values, truth, bags, max_members=most, limits=limits)
    if len(values) == 1:
        return fusion
    if absent_classes(truth, values.shape[-1]):
        return replace(fusion, reason=NOT_JUDGED)
    worth = judge(values, truth, groups, bags, max_members=max_members, limits=limits)
    name = choose(worth)
    system = fusion
    if name == "uniform":
        system = uniform(values, truth, max_members=max_members, limits=limits)
    elif name == "single":
        system = best_single(values, truth, limits=limits)
    return replace(system, reason=sentence(worth, name) if worth else "")


def judge(
    values: NDArray[np.float64],
    truth: NDArray[np.intp],
    groups: NDArray[np.intp],
    bags: Sequence[Bag],
    *,
    max_members: int | None = None,
    limits: Limits | None = None,
) -> dict[str, Worth]:
    """Return what each system is worth, over the clips that some bag leaves out; {} without any.

    Where not all candidates may be members, those who are were chosen without the clip, too.

    Args:
        values: (candidates, clips, classes).
        truth: Class indices, (clips,).
        groups: What was drawn together, (clips,).
        bags: Of `draw_bags`.
        max_members: As in `chosen`.
        limits: As in `chosen`.
    """
    correct = values.argmax(axis=-1) == truth
    averages: dict[tuple[int, ...], NDArray[np.bool_]] = {}  # whether one recognises a clip
    outside = np.zeros((truth.size, len(bags)), bool)
    single, average = np.zeros(truth.size), np.zeros(truth.size)
    for n, bag in enumerate(bags):
        out = bag.split.outside
        outside[out, n] = True
        single[out] += correct[bag.uars.argmax(), out]
        ranking = np.argsort(-bag.uars, kind="stable")
        best = tuple(sorted(fitting(ranking, limits, most=max_members).tolist()))
        if best not in averages:
            rule = FusionRule.equal("average", len(best))
            averages[best] = rule.scores(values[list(best)]).argmax(axis=-1) == truth
        average[out] += averages[best][out]
    judged = outside.sum(axis=1)
    seen = np.flatnonzero(judged)
    if not seen.size:
        return {}
    alike, which = np.unique(outside[seen], axis=0, return_inverse=True)
    most = max_members or MAX_MEMBERS
    kept = np.zeros((len(alike), len(values)))
    for own, left_out in zip(kept, alike, strict=True):
        weights = mean_weights([bag for bag, out in zip(bags, left_out, strict=True) if out])
        members = heaviest(weights, most, limits)
        own[members] = weights[members]
    weights = kept[which.reshape(-1)]
    scores = sum(weights[:, m, None] * values[m, seen] for m in range(len(values)))
    hits = {
        "fusion": np.argmax(scores, axis=-1) == truth[seen],
        "uniform": average[seen] / judged[seen],
        "single": single[seen] / judged[seen],
    }
    counts = {name: count_by_speaker(truth[seen], h, groups[seen]) for name, h in hits.items()}
    return {
        name: Worth(count.uar, *paired_difference(count, counts["fusion"]))
        for name, count in counts.items()
    }


def choose(worth: Mapping[str, Worth]) -> str:
    """The fusion, unless another system gains more than one standard error; then the best of those.

    A smaller gain is noise of the devel speakers: taking it cost a third of a point on hidden
    speakers (docs/log.md, 29 November 2026).
    """
    gains = {
        name: one.gain
        for name, one in worth.items()
        if one.gain_se is not None and one.gain > one.gain_se + TIE
    }
    return max(gains, key=gains.__getitem__, default="fusion")


def sentence(worth: Mapping[str, Worth], name: str) -> str:
    """What is taken, and why, in words.

    >>> worth = {"fusion": Worth(0.74), "uniform": Worth(0.76, 0.02, 0.01), "single": Worth(0.7)}
    >>> said = sentence(worth, "uniform")
    >>> said[:72]
    'chosen: the average of all, 76.0 % on clips left out of the selection (t'
    >>> said[72:]
    'he fusion 74.0 %, the best single trial 70.0 %)'
    """
    others = ", ".join(f"{CALLED[one]} {percent(worth[one].uar)}" for one in worth if one != name)
    value = f"{percent(worth[name].uar)} on clips left out of the selection"
    told = f"chosen: {CALLED[name]}, {value} ({others})"
    better = [one for one in worth.values() if one.uar > worth[name].uar + TIE]
    if not better:
        return told
    error = better[0].gain_se
    points = "unknown with so few speakers" if error is None else f"{100 * error:.1f} points"
    return f"{told}; another system must gain more than one standard error, {points}"

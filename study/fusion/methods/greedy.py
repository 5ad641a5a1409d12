"""Greedy selection with replacement: Caruana et al., "Ensemble selection from libraries of models".

ICML 2004. Everything is deterministic; candidates are told apart by their position.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from study.fusion.methods.limits import Limits
from study.fusion.methods.rule import FusionRule
from study.fusion.methods.scorer import FusionScorer, check_candidates
from study.fusion.methods.selection import Selection, Step

TIE = 1e-12
MAX_MEMBERS = 8  # what refit, export and serving still carry


def greedy(
    probabilities: ArrayLike,
    labels: ArrayLike,
    *,
    speakers: NDArray[np.intp] | None = None,
    families: Sequence[Hashable] | None = None,
    n_steps: int = 50,
    max_members: int | None = None,
    limits: Limits | None = None,
) -> Selection:
    """Add, with replacement, the candidate that helps most; keep the best prefix.

    Of candidates within 1e-12 of the best UAR, those already in come first, then the lower
    log-loss of the sum, then the lower position. Weights are counts, normalised.

    Args:
        probabilities: (candidates, clips, classes).
        labels: Class indices, (clips,).
        speakers: Not used, as every method is called alike.
        families: Not used.
        n_steps: Most choices, counting repetitions.
        max_members: Most distinct candidates; no limit when None.
        limits: What the members may cost together.

    Raises:
        ValueError: When the shapes do not fit, there are no candidates or clips, a value is not
            finite, an index is outside the classes, or a limit is below 1.

    >>> greedy([[[0.9, 0.1], [0.6, 0.4]], [[0.6, 0.4], [0.1, 0.9]]], [0, 1]).members
    (1,)
    """
    check_at_least_one(n_steps=n_steps, max_members=max_members)
    scorer = FusionScorer(*check_candidates(probabilities, labels))
    steps = greedy_steps(scorer, n_steps=n_steps, max_members=max_members, limits=limits)
    kept = best_prefix([step.uar for step in steps])
    chosen = [step.member for step in steps[:kept]]
    members, weights = heaviest_first(np.bincount(chosen).astype(np.float64))
    rule = FusionRule("average", weights)
    return Selection("greedy", steps[kept - 1].uar, members, rule, tuple(steps))


def greedy_steps(
    scorer: FusionScorer,
    *,
    n_steps: int,
    max_members: int | None = None,
    limits: Limits | None = None,
) -> list[Step]:
    """Every step of `greedy`, kept or not; it ends early at UAR 1, which nothing can improve."""
    total, steps = scorer.empty(), []
    inside = np.zeros(scorer.n_candidates, dtype=bool)
    for n in range(1, n_steps + 1):
        scores = scorer.scores_with(total)
        if max_members is not None and inside.sum() >= max_members:
            scores = np.where(inside, scores, -np.inf)
        if limits is not None:
            scores = np.where(limits.affordable(inside), scores, -np.inf)
        best = _break_ties(scorer, total, np.flatnonzero(scores >= scores.max() - TIE), inside)
        scorer.add(total, best)
        inside[best] = True
        steps.append(Step(n, best, float(scores[best])))
        if steps[-1].uar >= 1 - TIE:
            break
    return steps


def _break_ties(
    scorer: FusionScorer,
    total: NDArray[np.float64],
    tied: NDArray[np.intp],
    inside: NDArray[np.bool_],
) -> int:
    if inside[tied].any():
        tied = tied[inside[tied]]
    if tied.size > 1:
        losses = scorer.log_losses_with(total, tied)
        tied = tied[losses <= losses.min() + TIE]
    return int(tied[0])


def best_prefix(uars: Sequence[float]) -> int:
    """Length of the shortest prefix within `TIE` of the best."""
    best = max(uars)
    return next(n for n, uar in enumerate(uars, start=1) if uar >= best - TIE)


def heaviest_first(weights: NDArray[np.float64]) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """Members with a weight above 0, heaviest first, and their weights, which sum to 1."""
    members = np.lexsort((np.arange(weights.size), -weights))
    members = members[weights[members] > 0]
    return tuple(members.tolist()), tuple((weights[members] / weights[members].sum()).tolist())


def check_at_least_one(**limits: int | None) -> None:
    """Raise ValueError with the rule and the value when a given limit is below 1."""
    for name, value in limits.items():
        if value is not None and value < 1:
            raise ValueError(f"{name} must be at least 1, got {name}={value}")

"""Weights by CMA-ES."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

from study.fusion.methods.greedy import MAX_MEMBERS, heaviest_first
from study.fusion.methods.limits import Limits, fitting
from study.fusion.methods.rule import FusionRule
from study.fusion.methods.scorer import FusionScorer
from study.fusion.methods.selection import Selection
from study.metrics import uar_of_probabilities

LOSS_WEIGHT = 1e-3  # of the log-loss in the objective: UAR is a step function of the weights


def cma_es(
    probabilities: NDArray[np.float64],
    labels: NDArray[np.intp],
    *,
    speakers: NDArray[np.intp] | None = None,
    families: Sequence[Hashable] | None = None,
    max_members: int = MAX_MEMBERS,
    limits: Limits | None = None,
    pool: int = 20,
    n_generations: int = 40,
    seed: int = 0,
) -> Selection:
    """Weights w >= 0 that maximise UAR(sum_m w_m P_m) - 0.001 log-loss; the heaviest are kept.

    After Purucker and Beel, "CMA-ES for post hoc ensembling in AutoML: a great success and
    salvageable failure" (AutoML 2023), which found it better than greedy selection for balanced
    accuracy. Not for few speakers: it compares hundreds of weightings on them.

    Args:
        probabilities: (candidates, clips, classes).
        labels: Class indices, (clips,).
        speakers: Not used.
        families: Not used.
        max_members: Most members; lighter ones are cut.
        limits: What the members may cost together; lighter ones that do not fit are cut.
        pool: How many of the candidates with the best UAR get a weight at all.
        n_generations: Length of the search.
        seed: Of the search.
    """
    best = FusionScorer(probabilities, labels).ranking()[:pool]
    weights = np.zeros(len(probabilities))
    weights[best] = _search(probabilities[best], labels, n_generations, seed)
    kept = fitting(np.argsort(-weights, kind="stable"), limits, most=max_members)
    cut = np.zeros_like(weights)
    cut[kept] = weights[kept]
    if not cut.any():  # nothing that got a weight fits
        cut[kept[:1]] = 1.0
    members, own = heaviest_first(cut)
    rule = FusionRule("average", own)
    return Selection.from_members("cma_es", probabilities, labels, members, rule)


def _search(
    probabilities: NDArray[np.float64], labels: NDArray[np.intp], n_generations: int, seed: int
) -> NDArray[np.float64]:
    """Weights that sum to 1, (candidates,); CMA-ES needs at least two dimensions."""
    n = len(probabilities)
    if n == 1:
        return np.ones(1)
    from cmaes import CMA

    optimiser = CMA(mean=np.ones(n), sigma=0.5, seed=seed)
    best, best_value = np.full(n, 1 / n), np.inf
    for _ in range(n_generations):
        points = [optimiser.ask() for _ in range(optimiser.population_size)]
        weights = np.stack([_positive(point) for point in points])
        values = _objective(weights, probabilities, labels)
        optimiser.tell([(point, float(v)) for point, v in zip(points, values, strict=True)])
        if values.min() < best_value:
            best_value, best = float(values.min()), weights[values.argmin()]
        if optimiser.should_stop():
            break
    return best


def _positive(point: NDArray[np.float64]) -> NDArray[np.float64]:
    clipped = np.clip(point, 0, None)
    total = clipped.sum()
    return clipped / total if total > 0 else np.full(point.size, 1 / point.size)


def _objective(
    weights: NDArray[np.float64], probabilities: NDArray[np.float64], labels: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Minus UAR, plus a little log-loss, of every row of weights."""
    n, n_clips, n_classes = probabilities.shape
    fused = (weights @ probabilities.reshape(n, -1)).reshape(-1, n_clips, n_classes)
    own = fused[:, np.arange(n_clips), labels]
    loss = -np.log(np.clip(own, 1e-15, None)).mean(axis=1)
    return np.asarray(LOSS_WEIGHT * loss - uar_of_probabilities(fused, labels))

"""Stacking: logistic regression on the members' log-odds; and the majority vote."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from study.fusion.methods.greedy import greedy
from study.fusion.methods.limits import Limits, fitting
from study.fusion.methods.scorer import FusionScorer

__all__ = ["Stacked", "Voted", "majority_vote", "stacking"]

SMALLEST = 1e-4  # probabilities are kept away from 0, or one sure member would outweigh all


@dataclass(frozen=True)
class Stacked:
    """A fitted logistic regression as plain numbers.

    Args:
        members: Positions of the candidates.
        coefficients: (classes, members * classes).
        intercepts: (classes,); minus infinity for a class that did not occur.
    """

    members: tuple[int, ...]
    coefficients: NDArray[np.float64]
    intercepts: NDArray[np.float64]

    def scores(self, probabilities: ArrayLike) -> NDArray[np.float64]:
        """Probabilities, (clips, classes), of all candidates', (candidates, clips, classes)."""
        features = _features(np.asarray(probabilities)[list(self.members)])
        odds = features @ self.coefficients.T + self.intercepts
        odds -= odds.max(axis=-1, keepdims=True)
        shares = np.exp(odds)
        return np.asarray(shares / shares.sum(axis=-1, keepdims=True))


@dataclass(frozen=True)
class Voted:
    """Every member has one vote; the mean probability breaks ties."""

    members: tuple[int, ...]

    def scores(self, probabilities: ArrayLike) -> NDArray[np.float64]:
        """Shares of the votes, nearly, (clips, classes)."""
        values = np.asarray(probabilities, dtype=np.float64)[list(self.members)]
        votes = np.eye(values.shape[-1])[values.argmax(axis=-1)]
        whole_vote = 1 + 1 / (2 * len(self.members))
        return np.asarray((votes + values / (2 * len(self.members))).mean(axis=0) / whole_vote)


def stacking(
    probabilities: NDArray[np.float64],
    labels: NDArray[np.intp],
    *,
    speakers: NDArray[np.intp],
    families: Sequence[Hashable],
    max_members: int = 8,
    limits: Limits | None = None,
    strength: float = 0.1,
) -> Stacked:
    """Logistic regression, balanced over the classes, on the members of a greedy selection.

    Args:
        probabilities: (candidates, clips, classes).
        labels: Class indices, (clips,).
        speakers: Not used; part of every method's signature.
        families: Not used.
        max_members: Most members.
        limits: What the members may cost together.
        strength: Inverse of the regularisation (scikit-learn's `C`).
    """
    members = tuple(
        sorted(greedy(probabilities, labels, max_members=max_members, limits=limits).members)
    )
    n_classes, present = probabilities.shape[-1], np.unique(labels)
    coefficients = np.zeros((n_classes, len(members) * n_classes))
    intercepts = np.full(n_classes, -np.inf)
    if present.size == 1:
        intercepts[present] = 0.0
        return Stacked(members, coefficients, intercepts)
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=strength, class_weight="balanced", max_iter=1000)
    model.fit(_features(probabilities[list(members)]), labels)
    if present.size == 2:  # scikit-learn keeps the odds of the second class alone
        coefficients[present[1]] = model.coef_[0]
        intercepts[present] = [0.0, model.intercept_[0]]
    else:
        coefficients[present], intercepts[present] = model.coef_, model.intercept_
    return Stacked(members, coefficients, intercepts)


def majority_vote(
    probabilities: NDArray[np.float64],
    labels: NDArray[np.intp],
    *,
    speakers: NDArray[np.intp],
    families: Sequence[Hashable],
    max_members: int = 8,
    limits: Limits | None = None,
) -> Voted:
    """One vote for each of the candidates with the best UAR that fit."""
    scorer = FusionScorer(probabilities, labels)
    alone = scorer.scores_with(scorer.empty())
    losses = scorer.log_losses_with(scorer.empty(), np.arange(len(probabilities)))
    best = fitting(np.lexsort((losses, -alone.round(12))), limits, most=max_members)
    return Voted(tuple(sorted(int(member) for member in best)))


def _features(probabilities: NDArray[np.floating]) -> NDArray[np.float64]:
    """Centred log-probabilities, (clips, members * classes)."""
    logs = np.log(np.clip(probabilities.astype(np.float64), SMALLEST, None))
    logs -= logs.mean(axis=-1, keepdims=True)
    return np.asarray(logs.transpose(1, 0, 2).reshape(probabilities.shape[1], -1))

"""Stacking: logistic regression on the members' centred log-probabilities."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

from study.fusion.methods.absent import absent_classes
from study.fusion.methods.greedy import MAX_MEMBERS, greedy
from study.fusion.methods.limits import Limits
from study.fusion.methods.rule import FusionRule, centred_logits
from study.fusion.methods.selection import Selection


def stacking(
    probabilities: NDArray[np.float64],
    labels: NDArray[np.intp],
    *,
    speakers: NDArray[np.intp] | None = None,
    families: Sequence[Hashable] | None = None,
    max_members: int = MAX_MEMBERS,
    limits: Limits | None = None,
    C: float = 0.1,  # noqa: N803 - scikit-learn's name
) -> Selection:
    """Logistic regression, balanced over the classes, on the members of a greedy selection.

    Wolpert, "Stacked generalization", Neural Networks 1992. Not where few clips meet many classes:
    it fits classes * (members * classes + 1) numbers to the clips that choose.

    Args:
        probabilities: (candidates, clips, classes).
        labels: Class indices, (clips,).
        speakers: Not used.
        families: Not used.
        max_members: Most members.
        limits: What the members may cost together.
        C: Inverse of the regularisation, as in scikit-learn.
    """
    members = sorted(greedy(probabilities, labels, max_members=max_members, limits=limits).members)
    n_classes, present = probabilities.shape[-1], np.unique(labels)
    coefficients = np.zeros((n_classes, len(members) * n_classes))
    intercepts: list[float | None] = [None] * n_classes
    known = np.zeros(present.size)
    if present.size > 1:
        from sklearn.linear_model import LogisticRegression

        model = LogisticRegression(C=C, class_weight="balanced", max_iter=1000)
        model.fit(centred_logits(probabilities[members]), labels)
        # of two classes scikit-learn keeps the logits of the second alone
        own = present if present.size > 2 else present[1:]
        coefficients[own] = model.coef_
        known[-own.size :] = model.intercept_
    for index, value in zip(present, known, strict=True):
        intercepts[index] = float(value)
    rule = FusionRule.equal(
        "stacking",
        len(members),
        coefficients=tuple(tuple(row.tolist()) for row in coefficients),
        intercepts=tuple(intercepts),
        absent=absent_classes(labels, n_classes),
    )
    return Selection.from_members("stacking", probabilities, labels, members, rule)

"""How differently the members of a fusion err.

Disagreement and Yule's Q of pairs: Kuncheva and Whitaker, "Measures of diversity in classifier
ensembles and their relationship with the ensemble accuracy", Machine Learning 2003.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from study.fusion.methods.scorer import check_candidates


class Diversity(NamedTuple):
    """Means over the pairs of members; NaN for a single member.

    Args:
        disagreement: Share of clips on which the two predict different classes, in [0, 1].
        q: Yule's Q of being right, in [-1, 1]; 0 is independent, 1 errs on the same clips. NaN
            when no pair has it (a member that is always right or always wrong).
        pairwise_disagreement: (members, members).
    """

    disagreement: float
    q: float
    pairwise_disagreement: NDArray[np.float64]


def diversity(probabilities: ArrayLike, labels: ArrayLike) -> Diversity:
    """Diversity of some members.

    Args:
        probabilities: Of the members alone, (members, clips, classes).
        labels: Class indices, (clips,).

    Raises:
        ValueError: When the shapes do not fit or a value is not finite.
    """
    values, truth = check_candidates(probabilities, labels)
    predictions = values.argmax(axis=-1)
    correct = (predictions == truth).astype(np.float64)
    wrong = 1 - correct
    differ = np.stack([(predictions != row).mean(axis=1) for row in predictions])
    both, neither = correct @ correct.T, wrong @ wrong.T
    one, other = correct @ wrong.T, wrong @ correct.T
    pairs = np.triu_indices(len(values), k=1)
    numerator = (both * neither - one * other)[pairs]
    denominator = (both * neither + one * other)[pairs]
    defined = denominator > 0
    if not differ[pairs].size:
        return Diversity(float("nan"), float("nan"), differ)
    q = (numerator[defined] / denominator[defined]).mean() if defined.any() else float("nan")
    return Diversity(float(differ[pairs].mean()), float(q), differ)

"""How far two sets of predictions of the same clips agree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from study.metrics.uar import confusion_matrix

# Landis and Koch 1977 call a kappa of 0.41 and more "moderate". Below, or where the classes'
# shares move by more than 15 points, the two protocols are not two fits of one system.
LEAST_KAPPA = 0.4
MOST_SHIFT = 0.15


@dataclass(frozen=True)
class Agreement:
    """Two sets of predictions side by side.

    Args:
        share: Of clips with the same prediction, in [0, 1].
        kappa: Cohen's kappa: agreement beyond what the classes' shares alone would give.
        classes: Class names.
        shares: Share of clips predicted as each class, of the first and of the second set.
    """

    share: float
    kappa: float
    classes: tuple[str, ...]
    shares: tuple[tuple[float, ...], tuple[float, ...]]

    @property
    def strong_disagreement(self) -> str:
        """Return what is wrong as the end of a sentence, empty where nothing is."""
        first, second = map(np.array, self.shares)
        worst = int(np.abs(first - second).argmax())
        if abs(first[worst] - second[worst]) > MOST_SHIFT:
            return (
                f"{self.classes[worst]} is predicted for {100 * first[worst]:.0f} % of the clips by"
                f" the one and for {100 * second[worst]:.0f} % by the other"
            )
        if self.kappa < LEAST_KAPPA:
            return (
                f"they agree on {100 * self.share:.0f} % of the clips, kappa {self.kappa:.2f}"
                f" (below {LEAST_KAPPA})"
            )
        return ""


def agreement(first: ArrayLike, second: ArrayLike, classes: Sequence[str]) -> Agreement:
    """Compare the most probable classes of probabilities, both (clips, classes).

    With p_o the share of equal predictions and p_e = sum_c p_c q_c that of chance, p and q the
    classes' shares in both sets, Cohen's kappa is (p_o - p_e) / (1 - p_e), at most 1 (Cohen, "A
    coefficient of agreement for nominal scales", Educational and Psychological Measurement 1960).
    It is 1 where both sets hold one and the same class only.

    >>> agreement([[0.9, 0.1], [0.2, 0.8]], [[0.6, 0.4], [0.1, 0.9]], ["a", "b"]).kappa
    1.0
    """
    one, other = (np.asarray(values).argmax(1) for values in (first, second))
    counts = confusion_matrix(one, other, np.arange(len(classes)))
    table = counts / counts.sum()
    rows, columns = table.sum(1), table.sum(0)
    share, chance = float(np.trace(table)), float(rows @ columns)
    kappa = 1.0 if chance >= 1 else (share - chance) / (1 - chance)
    return Agreement(share, kappa, tuple(classes), (tuple(rows.tolist()), tuple(columns.tolist())))

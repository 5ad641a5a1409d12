"""The bias per class that maximises UAR, found class by class."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class _Best(NamedTuple):
    """The most probable of some classes for every clip, of equal ones the first."""

    logits: NDArray[np.float64]  # (clips,)
    winner: NDArray[np.intp]  # (clips,)


def best_bias(
    logs: NDArray[np.float64], labels: NDArray[np.intp], *, n_sweeps: int = 2
) -> NDArray[np.float64]:
    """Return what to add to log-probabilities so that UAR is best; the first class stays at 0.

    b = argmax_b UAR(argmax_c (log P(c) + b_c)), by coordinates: the best shift of a class is
    exact, given the others; of equal ones the smallest is taken, in the middle of its plateau.
    The classes are gone through in turn: a class's rival is the best of those before it, which is
    kept, or of those behind it, known from the beginning of the sweep. A sweep so takes time in
    proportion to the classes.

    Args:
        logs: Log-probabilities, (clips, classes).
        labels: Class indices, (clips,).
        n_sweeps: How often to go through the classes.
    """
    columns = np.ascontiguousarray(logs.T)
    weight = 1 / np.bincount(labels, minlength=len(columns)).clip(min=1)[labels]
    bias = np.zeros(len(columns))
    for _ in range(n_sweeps):
        behind = _best_behind(columns + bias[:, None])
        before = _Best(columns[0] + bias[0], np.zeros(labels.size, dtype=np.intp))
        for index in range(1, bias.size):
            rival = _better(before, behind[index])
            own = columns[index] + bias[index]
            bias[index] += _best_shift(own, rival, labels, weight, index)
            mine = _Best(columns[index] + bias[index], np.full(labels.size, index))
            before = _better(before, mine)
    return bias


def _better(first: _Best, second: _Best) -> _Best:
    """The better of two, of equal ones the first."""
    wins = first.logits >= second.logits
    logits = np.where(wins, first.logits, second.logits)
    return _Best(logits, np.where(wins, first.winner, second.winner))


def _best_behind(logits: NDArray[np.float64]) -> list[_Best]:
    """The best of the classes behind every class, (classes,); behind the last there is none."""
    n_clips = logits.shape[1]
    found = [_Best(np.full(n_clips, -np.inf), np.zeros(n_clips, dtype=np.intp))]
    for index in range(len(logits) - 1, 0, -1):
        found.append(_better(_Best(logits[index], np.full(n_clips, index)), found[-1]))
    return found[::-1]


def _best_shift(
    own: NDArray[np.float64],
    rival: _Best,
    labels: NDArray[np.intp],
    weight: NDArray[np.float64],
    index: int,
) -> float:
    """What to add to a class's log-probabilities so that UAR is best, given the others'.

    Args:
        own: Its log-probabilities, (clips,).
        rival: The best of the others.
        labels: Class indices, (clips,).
        weight: What a clip adds to UAR, (clips,).
        index: The class.
    """
    needed = rival.logits - own  # the class wins a clip from this shift on
    order = np.argsort(needed, kind="stable")
    mine = np.where(labels == index, weight, 0.0)
    theirs = np.where((labels != index) & (rival.winner == labels), weight, 0.0)
    value = np.concatenate([[0.0], np.cumsum((mine - theirs)[order])])
    cuts = needed[order]
    open_ends = np.concatenate([[cuts[0] - 2.0], cuts, [cuts[-1] + 2.0]])
    low, high = open_ends[:-1], open_ends[1:]
    value = np.where(high - low > 1e-9, value, -np.inf)  # equal thresholds pass together
    won = (own > rival.logits) | ((own == rival.logits) & (index < rival.winner))
    if (mine - theirs)[won].sum() >= value.max() - 1e-12:
        return 0.0
    best = value >= value.max() - 1e-12
    middles = ((low + high) / 2)[best]
    return float(middles[np.abs(middles).argmin()])

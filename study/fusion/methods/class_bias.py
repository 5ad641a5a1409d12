"""The bias per class that maximises UAR, found class by class."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["best_bias"]


class _Best(NamedTuple):
    """The most probable of some classes for every clip, of equal ones the first."""

    odds: NDArray[np.float64]  # (clips,)
    code: NDArray[np.intp]  # (clips,)


def best_bias(
    logs: NDArray[np.float64], codes: NDArray[np.intp], *, n_sweeps: int = 2
) -> NDArray[np.float64]:
    """Return what to add to log-probabilities so that UAR is best; the first class stays at 0.

    The classes are gone through in turn: a class's rival is the best of those before it, which is
    kept, or of those behind it, known from the beginning of the sweep. A sweep so takes time in
    proportion to the classes.

    Args:
        logs: Log-probabilities, (clips, classes).
        codes: Labels, (clips,).
        n_sweeps: How often to go through the classes.
    """
    columns = np.ascontiguousarray(logs.T)
    weight = 1 / np.bincount(codes, minlength=len(columns)).clip(min=1)[codes]
    bias = np.zeros(len(columns))
    for _ in range(n_sweeps):
        behind = _best_behind(columns + bias[:, None])
        before = _Best(columns[0] + bias[0], np.zeros(codes.size, dtype=np.intp))
        for code in range(1, bias.size):
            rival = _better(before, behind[code])
            own = columns[code] + bias[code]
            bias[code] += _best_shift(own, rival, codes, weight, code)
            mine = _Best(columns[code] + bias[code], np.full(codes.size, code))
            before = _better(before, mine)
    return bias


def _better(first: _Best, second: _Best) -> _Best:
    """The better of two, of equal ones the first."""
    wins = first.odds >= second.odds
    return _Best(np.where(wins, first.odds, second.odds), np.where(wins, first.code, second.code))


def _best_behind(odds: NDArray[np.float64]) -> list[_Best]:
    """The best of the classes behind every class, (classes,); behind the last there is none."""
    n_clips = odds.shape[1]
    found = [_Best(np.full(n_clips, -np.inf), np.zeros(n_clips, dtype=np.intp))]
    for code in range(len(odds) - 1, 0, -1):
        found.append(_better(_Best(odds[code], np.full(n_clips, code)), found[-1]))
    return found[::-1]


def _best_shift(
    own: NDArray[np.float64],
    rival: _Best,
    codes: NDArray[np.intp],
    weight: NDArray[np.float64],
    code: int,
) -> float:
    """What to add to a class's log-probabilities so that UAR is best, given the others'.

    Args:
        own: Its log-probabilities, (clips,).
        rival: The best of the others.
        codes: Labels, (clips,).
        weight: What a clip adds to UAR, (clips,).
        code: The class.
    """
    needed = rival.odds - own  # the class wins a clip from this shift on
    order = np.argsort(needed, kind="stable")
    mine = np.where(codes == code, weight, 0.0)
    theirs = np.where((codes != code) & (rival.code == codes), weight, 0.0)
    value = np.concatenate([[0.0], np.cumsum((mine - theirs)[order])])
    cuts = needed[order]
    open_ends = np.concatenate([[cuts[0] - 2.0], cuts, [cuts[-1] + 2.0]])
    low, high = open_ends[:-1], open_ends[1:]
    value = np.where(high - low > 1e-9, value, -np.inf)  # equal thresholds pass together
    won = (own > rival.odds) | ((own == rival.odds) & (code < rival.code))
    if (mine - theirs)[won].sum() >= value.max() - 1e-12:
        return 0.0
    best = value >= value.max() - 1e-12
    middles = ((low + high) / 2)[best]
    return float(middles[np.abs(middles).argmin()])

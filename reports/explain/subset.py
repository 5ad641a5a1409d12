"""Which clips are explained where not all can be."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["stratified"]


def stratified(
    labels: ArrayLike, speakers: Sequence[str] | None, *, n: int, seed: int
) -> NDArray[np.intp]:
    """Choose clips so that each class and each speaker in it comes in turn.

    Args:
        labels: Codes, (clips,).
        speakers: Speaker of each clip, (clips,); None where one is unknown.
        n: How many; all where there are no more.
        seed: Of the order within a class and speaker.

    Returns:
        Positions, rising.

    >>> stratified([0, 0, 0, 1, 1], ["a", "a", "b", "a", "a"], n=3, seed=0).size
    3
    """
    codes = np.asarray(labels)
    if n >= codes.size:
        return np.arange(codes.size)
    names = [""] * codes.size if speakers is None else speakers
    who = np.unique(names, return_inverse=True)[1]
    order = np.random.default_rng(seed).permutation(codes.size)
    turn = _turn(codes[order] * (who.max() + 1) + who[order])
    # Within a turn over all cells the classes come in turn too, however many speakers one has.
    within = np.lexsort((_turn(codes[order] + turn * (codes.max() + 1)), turn))
    return np.sort(order[within[:n]])


def _turn(cells: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return for each item how many of its cell come before it."""
    order = np.argsort(cells, kind="stable")
    ordered = cells[order]
    first = np.searchsorted(ordered, ordered)
    turn = np.empty(cells.size, dtype=np.intp)
    turn[order] = np.arange(cells.size) - first
    return turn

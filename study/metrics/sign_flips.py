"""What exchanging two systems for whole speakers gives: sums under flipped signs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

ROUNDING = 1e-12
BLOCK = 4_000_000  # numbers that are exchanged at once


def leads_by_speaker(
    labels: NDArray[Any],
    rows: NDArray[Any],
    reference: NDArray[Any],
    speakers: NDArray[Any],
) -> NDArray[np.float64]:
    """Return what every speaker adds to the lead of every row over the reference.

    Args:
        labels: True classes, (clips,).
        rows: Whether (or how often, in [0, 1]) each row recognised a clip, (rows, clips).
        reference: Of the reference, (clips,).
        speakers: Speaker of every clip, (clips,).

    Returns:
        Fractions of UAR, (speakers, rows).

    Raises:
        ValueError: When the lengths differ or a value is not finite.
    """
    if rows.shape[1:] != reference.shape:
        raise ValueError(f"correct must have one value per clip, got {rows.shape}")
    classes, indices, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    weights = 1 / (classes.size * sizes[indices])
    order = np.argsort(speakers, kind="stable")
    starts = np.unique(speakers[order], return_index=True)[1]
    parts = np.empty((starts.size, len(rows)))
    step = max(1, BLOCK // labels.size)
    for start in range(0, len(rows), step):
        block = (rows[start : start + step] - reference.astype(np.float64)) * weights
        parts[:, start : start + step] = np.add.reduceat(block[:, order], starts, axis=1).T
    if not np.isfinite(parts).all():
        raise ValueError("correct must be finite, got NaN or infinity")
    return parts


def all_flips(n_groups: int, n_permutations: int) -> bool:
    """Whether all flips are enumerated, being not more than `n_permutations`."""
    return bool(2**n_groups <= n_permutations)


def exchanged(
    parts: NDArray[np.float64], n_permutations: int, seed: int
) -> Iterator[NDArray[np.float64]]:
    """Yield blocks of sums of parts (groups, pairs) under sign flips, (flips, pairs).

    All flips where they are not more than `n_permutations`, else as many random ones.
    """
    n_groups = len(parts)
    exact = all_flips(n_groups, n_permutations)
    n_flips = 2**n_groups if exact else n_permutations
    rng = np.random.default_rng(seed)
    step = max(1, BLOCK // max(parts.shape))
    for start in range(0, n_flips, step):
        rows = min(step, n_flips - start)
        if exact:
            bits = (start + np.arange(rows))[:, None] >> np.arange(n_groups)
            signs = 1.0 - 2 * (bits & 1)
        else:
            signs = 2.0 * rng.integers(0, 2, (rows, n_groups), dtype=np.int8) - 1
        yield signs @ parts


def share_of(extreme: NDArray[np.bool_], exact: bool) -> float:
    """Return a p-value; to random exchanges the observed one is added, so that it is never 0."""
    if exact:
        return float(extreme.mean())
    return float((extreme.sum() + 1) / (extreme.size + 1))

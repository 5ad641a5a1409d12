"""Partitions for a corpus that has none: whole speakers, labels and more spread evenly, seeded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from search_spaces.grammar.errors import InputError
from search_spaces.grammar.kinds import nearest
from study.corpus.layouts import Row
from study.corpus.layouts.names import PARTITIONS, Partition, known_partition
from study.corpus.spelling import same_names

SHARES = (0.6, 0.2, 0.2)  # of train, devel, test
_MISSING = 1e6  # cost of a partition without a group, or without a class in train or devel
_PARTNERS = 40  # groups that a group is tried to be swapped with
_STARTS = 1000  # groups tried in all starts together; a start more costs little with few speakers


@dataclass(frozen=True)
class Division:
    """Partitions that were made."""

    partitions: dict[str, Partition]  # by file name
    by: str  # what was kept together: `speaker`, `file`, `clip` or a column
    n_groups: dict[Partition, int]  # how many of those were given to each partition
    n_kept: int  # clips that stay in test: they were there, or have no label


def make_partitions(
    rows: Sequence[Row],
    *,
    by: str | None = None,
    stratify: Sequence[str] = (),
    shares: Sequence[float] = SHARES,
    seed: int = 0,
) -> Division:
    """Share clips out over train, devel and test.

    Clips without a label, and those that are in test already, stay in test; the others are then
    shared out over train and devel alone.

    Args:
        rows: Of a corpus; partitions that they have, other than test, are forgotten.
        by: What must not be in two partitions: ``speaker``, ``file``, ``clip`` or a column of the
            metadata. When None: the speaker where known; else the file, where clips are segments of
            files; else each clip by itself.
        stratify: Columns of the metadata that are spread evenly, beside the label; clips without a
            value are spread evenly, too.
        shares: Of train, devel and test, in any unit; test may be 0 or left out.
        seed: The same seed gives the same partitions.

    Raises:
        InputError: A column is not known, a speaker is not, or there are too few of them.
    """
    share_of = _shares(shares)
    kept = [
        row for row in rows if row.label is None or known_partition(row.partition or "") == "test"
    ]
    names = {row.file_name for row in kept}
    free = [row for row in rows if row.file_name not in names]
    if not free:
        raise InputError("partitions: there must be clips with labels outside of test, got none")
    if kept:
        share_of = {name: share for name, share in share_of.items() if name != "test"}
    key = _natural_key(free) if by is None else by
    keys = [_value(row, key) for row in free]
    for one, other, how in same_names(keys, numbers=True) if key not in ("clip", "file") else ():
        raise InputError(
            f"partitions: {key}s must differ in more than {how}, got {one!a} and {other!a}"
        )
    both = sorted(set(keys) & {_known_value(row, key) for row in kept})
    if both:
        raise InputError(
            f"partitions: {key} {both[0]!r} has clips that stay in test and others, so that whole"
            f" {key}s cannot be kept together ({len(both)} such); `--by clip` shares out clips"
        )
    for column in stratify:
        if all(_known_value(row, column) is None for row in free):
            _value(free[0], column)
    parts_of = [[str(r.label), *(_known_value(r, c) or "" for c in stratify)] for r in free]
    strata = _codes(["\0".join(values) for values in parts_of])
    labels = _codes([str(row.label) for row in free])
    share = np.array(list(share_of.values())) / sum(share_of.values())
    rng = np.random.default_rng(seed)
    if len(set(keys)) == len(free):
        place = _deal(strata, share, rng)
    else:
        place = _assign(_codes(keys), strata, labels, share, key, rng)
    parts = list(share_of)
    found: dict[str, Partition] = {row.file_name: "test" for row in kept}
    found |= {row.file_name: parts[p] for row, p in zip(free, place, strict=True)}
    groups: dict[Partition, set[str]] = {name: set() for name in PARTITIONS}
    for row, value in zip(free, keys, strict=True):
        groups[found[row.file_name]].add(value)
    return Division(found, key, {name: len(values) for name, values in groups.items()}, len(kept))


def _shares(shares: Sequence[float]) -> dict[Partition, float]:
    padded = [*shares, 0.0] if len(shares) == 2 else list(shares)
    if len(padded) != 3 or not all(0 <= share < np.inf for share in padded) or 0 in padded[:2]:
        raise InputError(
            "shares must be two or three numbers for train, devel and test, the first two above 0,"
            f" got {', '.join(f'{share:g}' for share in shares)}"
        )
    pairs = zip(PARTITIONS, padded, strict=True)
    return {name: share for name, share in pairs if share > 0}


def _natural_key(rows: Sequence[Row]) -> str:
    if any(row.speaker is not None for row in rows):
        return "speaker"
    return "file" if any(row.start is not None or row.end is not None for row in rows) else "clip"


def _value(row: Row, key: str) -> str:
    """What a clip is grouped or stratified by."""
    value = _known_value(row, key)
    if value is None:
        known = [name for name in ("speaker", "file", "clip", *row.metadata) if name != key]
        raise InputError(
            f"partitions: every clip must have a {key!r}, got none for {row.file_name!r}"
            f"{nearest(key, known)}; there are {', '.join(known)}"
        )
    return value


def _known_value(row: Row, key: str) -> str | None:
    if key in ("clip", "file"):
        return row.file_name if key == "clip" else row.path
    return row.speaker if key == "speaker" else row.metadata.get(key)


def _codes(values: Sequence[str]) -> NDArray[np.intp]:
    return np.unique(np.array(values, dtype=object).astype(str), return_inverse=True)[1]


def _deal(strata: NDArray[np.intp], share: NDArray[np.float64], rng: Generator) -> NDArray[np.intp]:
    """Clips one by one: in each stratum the shares, rounded so that the whole adds up."""
    place = np.zeros(len(strata), np.intp)
    due = np.zeros(len(share))
    for stratum in range(strata.max() + 1):
        members = rng.permutation(np.flatnonzero(strata == stratum))
        for n, member in enumerate(members):
            due += share
            # A class that devel has must be in train too.
            chosen = 0 if n == 0 else int(due.argmax())
            due[chosen] -= 1
            place[member] = chosen
    return place


def _assign(
    groups: NDArray[np.intp],
    strata: NDArray[np.intp],
    labels: NDArray[np.intp],
    share: NDArray[np.float64],
    key: str,
    rng: Generator,
) -> NDArray[np.intp]:
    """Whole groups, so that every partition has its share of every stratum, as far as that goes."""
    n = groups.max() + 1
    if n < len(share):
        raise InputError(
            f"partitions: {len(share)} partitions need at least {len(share)} of {key!r}, got {n};"
            " `--by clip` shares out clips"
        )
    counts = np.zeros((n, strata.max() + 1))
    np.add.at(counts, (groups, strata), 1)
    one_hot = np.zeros((strata.max() + 1, labels.max() + 1))
    one_hot[strata, labels] = 1.0
    target, weight = share[:, None] * counts.sum(axis=0), 1.0 / counts.sum(axis=0)

    def cost(held: NDArray[np.float64]) -> float:
        """How far (partitions, strata) are from their shares; huge where something is missing."""
        spread = float((weight * (held - target) ** 2).sum())
        empty = np.count_nonzero(held.sum(axis=1) == 0)
        absent = np.count_nonzero(held[:2] @ one_hot == 0)  # of train and devel
        return spread + _MISSING * (empty + absent)

    starts = max(1, min(20, _STARTS // n))
    found = (_search(counts, cost, len(share), rng) for _ in range(starts))
    return min(found, key=lambda one: one[0])[1][groups]


def _search(
    counts: NDArray[np.float64],
    cost: Callable[[NDArray[np.float64]], float],
    n_parts: int,
    rng: Generator,
) -> tuple[float, NDArray[np.intp]]:
    """Greedy, then moves and swaps of groups as long as they help.

    Returns:
        The cost, and the partition of every group.
    """
    order = np.lexsort((rng.random(len(counts)), -counts.sum(axis=1)))
    place = np.zeros(len(counts), np.intp)
    held = np.zeros((n_parts, counts.shape[1]))
    part = np.eye(n_parts)[:, :, None]
    for group in order:
        tried = [cost(held + part[p] * counts[group]) for p in range(n_parts)]
        place[group] = int(np.argmin(tried))
        held[place[group]] += counts[group]
    lowest = cost(held)
    better = True
    while better:
        better = False
        for group in rng.permutation(len(counts)):
            partners = rng.permutation(len(counts))[:_PARTNERS]
            moves = [(group, None, p) for p in range(n_parts) if p != place[group]]
            swaps = [(group, g, place[g]) for g in partners if place[g] != place[group]]
            for one, other, to in [*moves, *swaps]:
                now = place[one]
                if now == to or (other is not None and place[other] != to):
                    continue
                difference = counts[one] if other is None else counts[one] - counts[other]
                changed = held + (part[to] - part[now]) * difference
                if (found := cost(changed)) < lowest - 1e-9:
                    held, lowest, better = changed, found, True
                    place[one] = to
                    if other is not None:
                        place[other] = now
    return lowest, place

"""Segments of one file that overlap in time and are in different partitions."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from study.checking.facts_cache import Place
from study.checking.findings import Finding, found
from study.checking.table import ClipTable
from study.corpus.layouts.names import PARTITIONS

LEAST_S = 0.001  # ends and beginnings are rounded


def overlap_findings(table: ClipTable, places: Sequence[Place]) -> list[Finding]:
    """Clips that share time of a file with a clip of another partition, each once.

    Found by the times in the label files alone, whatever lies there; copies and links of a file,
    which have the same bytes, are that file.
    """
    files: dict[bytes, list[tuple[float, float, int]]] = defaultdict(list)
    for row in np.flatnonzero(table.partition >= 0).tolist():
        path, (start, end) = places[row]
        file = bytes(table.facts["sha256"][row]) or os.fsencode(path)
        files[file].append((start or 0.0, np.inf if end is None else end, row))
    pairs = [pair for segments in files.values() for pair in _across(table, segments)]
    told = [
        f"{table.names[a]} ({PARTITIONS[table.partition[a]]}) and {table.names[b]} "
        f"({PARTITIONS[table.partition[b]]})"
        for a, b in sorted(pairs)
    ]
    return found("overlap", told)


def _across(
    table: ClipTable, segments: Sequence[tuple[float, float, int]]
) -> list[tuple[int, int]]:
    """Rows of two partitions that overlap: each segment with the latest end of those before it."""
    latest: dict[int, tuple[float, int]] = {}  # of each partition: the end, and whose it is
    pairs = []
    if all(start == 0 and end == np.inf for start, end, _ in segments):
        return []  # whole files, which are the same audio: `copies` has them
    for start, end, row in sorted(segments):
        own = int(table.partition[row])
        for other, (until, before) in latest.items():
            if other != own and until > start + LEAST_S:
                pairs.append((before, row))
        latest[own] = max(latest.get(own, (0.0, row)), (end, row))
    return pairs

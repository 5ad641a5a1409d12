"""The same audio more than once: equal samples, near-duplicates, and shared time of one file."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from study.checking.audio import SILENT_DB
from study.checking.facts_cache import Place
from study.checking.findings import Finding, found
from study.checking.fingerprint import SAME, candidates, sameness
from study.checking.table import ClipTable
from study.corpus.audio.id3 import without_tag
from study.corpus.audio.samples import UNKNOWN, decode_segment
from study.corpus.layouts.names import PARTITIONS

LONGEST = 30.0  # s of a clip that are compared
LEAST_S = 0.001  # of shared time: ends and beginnings are rounded


def copy_findings(table: ClipTable, places: Sequence[Place]) -> list[Finding]:
    """Equal audio inside and across partitions, and near-duplicates across them."""
    groups: dict[bytes, list[int]] = defaultdict(list)
    for i in np.flatnonzero(table.heard & (table.facts["peak"] >= SILENT_DB)).tolist():
        groups[bytes(table.facts["audio"][i])].append(i)
    inside: list[str] = []
    across: list[str] = []
    for rows in groups.values():
        if len(rows) > 1:
            one_place = len({int(table.partition[i]) for i in rows}) == 1
            (inside if one_place else across).append(_listed(table, rows))
    near = [
        f"{_listed(table, pair)} ({height:.2f})" for pair, height in near_duplicates(table, places)
    ]
    return [*found("equal", inside), *found("equal across", across), *found("near-duplicate", near)]


def near_duplicates(
    table: ClipTable, places: Sequence[Place]
) -> list[tuple[tuple[int, int], float]]:
    """Pairs of clips of different partitions that are the same recording but not equal.

    Returns:
        Rows and their ``sameness``, the most alike first.
    """
    rows = np.flatnonzero(table.heard & (table.facts["peak"] >= SILENT_DB) & (table.partition >= 0))
    pairs = candidates(table.facts["fingerprint"][rows], table.partition[rows])
    alike = []
    for a, b in ((int(rows[a]), int(rows[b])) for a, b in pairs):
        if table.facts["audio"][a] != table.facts["audio"][b]:
            rate = int(min(table.facts["rate"][a], table.facts["rate"][b]))
            height = sameness(_wave(places[a], rate), _wave(places[b], rate))
            if height >= SAME:
                alike.append(((a, b), height))
    return sorted(alike, key=lambda one: (-one[1], one[0]))


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
    if all(start == 0 and end == np.inf for start, end, _ in segments):
        return []  # whole files, which are the same audio: `copy_findings` has them
    latest: dict[int, tuple[float, int]] = {}  # of each partition: the end, and whose it is
    pairs = []
    for start, end, row in sorted(segments):
        own = int(table.partition[row])
        for other, (until, before) in latest.items():
            if other != own and until > start + LEAST_S:
                pairs.append((before, row))
        latest[own] = max(latest.get(own, (0.0, row)), (end, row))
    return pairs


def _wave(place: Place, rate: int) -> NDArray[Any]:
    """A clip that was read before, mixed down, at ``rate`` Hz; empty if it has gone since."""
    import soundfile

    path, (start, end) = place
    try:
        with path.open("rb") as raw, soundfile.SoundFile(without_tag(raw)) as file:
            if end is None and file.frames > UNKNOWN:
                return decode_segment(file, rate, start, None)[0][: round(LONGEST * rate)]
            last = file.frames / file.samplerate if end is None else end
            stop = min(last, (start or 0.0) + LONGEST)
            return decode_segment(file, rate, start, stop)[0]
    except (OSError, RuntimeError, ValueError):
        return np.zeros(1, np.int16)


def _listed(table: ClipTable, rows: Sequence[int]) -> str:
    """The clips, each with its partition where its name does not say it."""
    clips = []
    for i in rows:
        partition = PARTITIONS[table.partition[i]] if table.partition[i] >= 0 else "no partition"
        name = table.names[i]
        clips.append(name if name.startswith(partition) else f"{name} ({partition})")
    return " = ".join(clips)

"""Leakage: can label or partition be guessed without listening to speech?

Each group of measures (level, noise floor, silence, ...) is given to a linear probe alone, fitted
and evaluated on different speakers. What the probe reaches by chance is found by permutation: with
disjoint speakers two partitions always differ a bit, and so do two classes that a speaker recorded
in two sessions. So whole speakers are permuted over partitions, and for labels the names of
the classes within each speaker; only what is rare among those, and large, is a warning.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from study.checking.leakage_groups import GROUPS
from study.checking.linear_probe import Draw, evaluate
from study.checking.table import ClipTable, codes_of
from study.corpus.layouts.names import PARTITIONS
from study.text import percent

RARE = 0.015  # of 199 permutations, at most one does as well
BLATANT = 0.8  # skill that matters also where there are too few speakers for a rare permutation
# Factors on the skill that matters where speakers are not known: clips of one voice are not
# independent, and while a voice mostly says all classes, it is in one partition only.
UNKNOWN_LABEL, UNKNOWN_PARTITION = 2.0, 3.0
N_FOLDS = 10
MOST_CLIPS = 12_000  # that are probed; more would cost time and show nothing new

Codes = NDArray[np.int64]


class Probe(NamedTuple):
    """What can be guessed from one group of measures."""

    target: str  # `label`, or the partition that is told apart from the others
    group: str  # of `GROUPS`
    uar: float  # of the cross-fitted linear probe
    chance: float  # one over the number of classes
    # lower end of its 95 % interval over speakers, or over clips where those are unknown
    low: float
    high: float  # upper end
    p: float  # adjusted for all groups of the target
    n: int  # clips
    by: str  # what no fold shares with another: `speaker`, `partition` or `clip`
    matters: bool  # whether it is a warning

    def sentence(self) -> str:
        """What it means and what to do, for a person."""
        figures = (
            f"UAR {percent(self.uar)}, 95 % interval {percent(self.low)} to {percent(self.high)},"
            f" chance {percent(self.chance)}"
        )
        if self.target == "label":
            return (
                f"the label can be guessed from {self.group} alone ({figures}): unless the classes"
                " differ in it by nature, a network may learn how they were recorded"
            )
        return (
            f"{self.target} can be told from the other partitions by {self.group} alone"
            f" ({figures}): a UAR there may say more about the recording than about speech"
        )


def probe_labels(table: ClipTable, *, seed: int = 0) -> list[Probe]:
    """Probe the labels of train and devel; none where there are fewer than two classes.

    Folds are of whole speakers where all are known, else train and devel.
    """
    rows = np.flatnonzero(
        table.heard
        & np.isin(table.partition, (0, 1))
        & np.array([label is not None for label in table.labels], bool)
    )
    rows = _thinned(rows)
    y = codes_of([table.labels[i] for i in rows])
    if rows.size == 0 or y.max() < 1:
        return []
    speaker = codes_of([table.speakers[i] for i in rows])
    if speaker.min() >= 0 and speaker.max() > 0:
        fold, unit, by = speaker % max(min(speaker.max() + 1, 2 * N_FOLDS), 2), speaker, "speaker"
    else:
        fold, unit, by = codes_of(table.partition[rows].tolist()), np.arange(rows.size), "partition"
        if fold.max() < 1:
            fold = np.arange(rows.size) % N_FOLDS

    def permute(rng: Generator) -> Draw:
        shuffled = _renamed_within(y, unit, rng) if by == "speaker" else rng.permutation(y)
        return Draw(shuffled, fold, unit)

    return _probe(table, rows, "label", Draw(y, fold, unit), permute, by=by, seed=seed)


def probe_partitions(table: ClipTable, *, seed: int = 0) -> list[Probe]:
    """Probe each partition against the others.

    Folds are of whole speakers where all are known; a partition with fewer than two is left out,
    since it cannot be told apart from its speaker.
    """
    rows = _thinned(np.flatnonzero(table.heard & (table.partition >= 0)))
    by_speaker = rows.size > 0 and all(table.speakers[i] is not None for i in rows)
    if by_speaker:
        # A speaker in two partitions counts as two: that is a finding of its own.
        unit = codes_of([(int(table.partition[i]), table.speakers[i]) for i in rows])
        n_units = [np.unique(unit[table.partition[rows] == p]).size for p in range(3)]
        enough = np.array([n >= 2 for n in n_units])[table.partition[rows]]
        rows, unit = rows[enough], unit[enough]
        unit = np.unique(unit, return_inverse=True)[1]
    else:
        unit = np.arange(rows.size)
    there = np.unique(table.partition[rows])
    if there.size < 2:
        return []
    of_unit = np.zeros(unit.max() + 1, np.int64)
    of_unit[unit] = table.partition[rows]
    probes = []
    # With two partitions one of them against the other says it all.
    for code in there if there.size > 2 else there[-1:]:

        def draw(of: Codes, code: int = int(code)) -> Draw:
            return Draw((of[unit] == code).astype(np.int64), _dealt(of)[unit], unit)

        def permute(rng: Generator, draw: Callable[[Codes], Draw] = draw) -> Draw:
            return draw(rng.permutation(of_unit))

        probes += _probe(
            table,
            rows,
            PARTITIONS[code],
            draw(of_unit),
            permute,
            by="speaker" if by_speaker else "clip",
            seed=seed,
        )
    return probes


def _probe(
    table: ClipTable,
    rows: Codes,
    target: str,
    draw: Draw,
    permute: Callable[[Generator], Draw],
    *,
    by: str,
    seed: int,
) -> list[Probe]:
    """Probe all groups that say anything about these clips."""
    asked = {
        group.name: (group.of(table)[rows], least)
        for group in GROUPS
        if (least := group.label if target == "label" else group.partition) is not None
    }
    measures = {name: x for name, (x, _) in asked.items() if np.ptp(x, axis=0).any()}
    chance = 1 / (int(draw.y.max()) + 1)
    probes = []
    for name, found in evaluate(measures, draw, permute, seed=seed).items():
        skill = (found.uar - chance) / (1 - chance)
        least = asked[name][1]
        if by != "speaker":
            factor = UNKNOWN_LABEL if target == "label" else UNKNOWN_PARTITION
            least = min(least * factor, BLATANT)
        rare = found.p <= RARE and skill >= least
        blatant = by == "speaker" and (found.alike or found.low > chance) and skill >= BLATANT
        probes.append(
            Probe(target, name, found.uar, chance, found.low, found.high, found.p, rows.size, by,
                  bool(rare or blatant))
        )  # fmt: skip
    return probes


def _thinned(rows: Codes) -> Codes:
    if rows.size <= MOST_CLIPS:
        return rows
    return np.sort(np.random.default_rng(0).choice(rows, MOST_CLIPS, replace=False))


def _renamed_within(y: Codes, speaker: Codes, rng: Generator) -> Codes:
    """Labels with the classes' names permuted within each speaker.

    What a speaker's classes differ in by session is kept so, but no longer the same way for all.
    Speakers of one class alone swap theirs among each other.
    """
    n_classes = int(y.max()) + 1
    has = np.zeros((int(speaker.max()) + 1, n_classes), bool)
    has[speaker, y] = True
    name = np.tile(np.arange(n_classes), (len(has), 1))
    for one in np.flatnonzero(has.sum(1) > 1):
        own = np.flatnonzero(has[one])
        name[one, own] = rng.permutation(own)
    single = np.flatnonzero(has.sum(1) == 1)
    theirs = has[single].argmax(1)
    name[single, theirs] = rng.permutation(theirs)
    renamed: Codes = name[speaker, y]
    return renamed


def _dealt(of: Codes) -> Codes:
    """Folds, each with units of every partition as far as there are.

    >>> _dealt(np.array([0, 0, 1, 1, 0])).tolist()
    [0, 1, 0, 1, 2]
    """
    counts = np.bincount(of)
    order = np.argsort(of, kind="stable")
    fold = np.empty(len(of), np.int64)
    fold[order] = np.arange(len(of)) - np.repeat(np.cumsum(counts) - counts, counts)
    return fold % min(int(counts.max()), N_FOLDS)

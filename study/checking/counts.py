"""How much there is of what: clips, speakers and time per partition, class and speaker."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from study.checking.findings import Finding, found
from study.checking.table import ClipTable
from study.corpus.layouts.names import PARTITIONS


class PartitionCount(NamedTuple):
    """What is in one partition."""

    partition: str
    clips: int
    seconds: float
    speakers: int | None  # None where not one is known
    shortest: float  # s
    longest: float  # s
    majority: float | None  # share of the commonest class among the labelled clips
    chance_uar: float | None  # 1 over the classes that are there: also of always the commonest


class ClassCount(NamedTuple):
    """What there is of one class."""

    label: str
    clips: dict[str, int]  # by partition
    seconds: float
    speakers: int | None


class SpeakerCount(NamedTuple):
    """What there is of one speaker."""

    speaker: str
    partitions: tuple[str, ...]
    clips: int
    seconds: float


class Counts(NamedTuple):
    """All of it."""

    partitions: tuple[PartitionCount, ...]
    classes: tuple[ClassCount, ...]
    speakers: tuple[SpeakerCount, ...]


def count(table: ClipTable) -> Counts:
    """Count clips, speakers and seconds."""
    speakers = np.array(table.speakers, object)
    labels = np.array(table.labels, object)
    here = {name: table.here(name) for name in PARTITIONS if table.here(name).any()}
    named = sorted({speaker for speaker in table.speakers if speaker is not None})
    classes = sorted({label for label in table.labels if label is not None})
    return Counts(
        tuple(_partition(table, name, which) for name, which in here.items()),
        tuple(
            ClassCount(
                label,
                {name: int((which & (labels == label)).sum()) for name, which in here.items()},
                float(table.seconds[labels == label].sum()),
                _n_speakers(speakers[labels == label].tolist()),
            )
            for label in classes
        ),
        tuple(
            SpeakerCount(
                speaker,
                tuple(name for name, which in here.items() if (which & own).any()),
                int(own.sum()),
                float(table.seconds[own].sum()),
            )
            for speaker in named
            for own in [speakers == speaker]
        ),
    )


def count_findings(table: ClipTable, counts: Counts) -> list[Finding]:
    """Classes that a partition lacks or has alone, and speakers in two partitions."""
    labelled = {
        part.partition: {label for i, label in enumerate(table.labels) if label and here[i]}
        for part in counts.partitions
        for here in [table.here(part.partition)]
    }
    train = labelled.get("train", set())
    absent = [
        f"{label!r} in {name}"
        for name, labels in labelled.items()
        for label in sorted(train - labels)
        if labels  # blind otherwise
    ]
    test = labelled.get("test", set()) if train else set()
    unknown = [f"{label!r} in test" for label in sorted(test - train)]
    several = [one for one in counts.speakers if len(one.partitions) > 1]
    shared = [f"{one.speaker} ({', '.join(one.partitions)})" for one in several]
    return [
        *found("unknown label", unknown),
        *found("absent class", absent),
        *found("shared speaker", shared),
    ]


def _partition(table: ClipTable, name: str, which: NDArray[np.bool_]) -> PartitionCount:
    seconds = table.seconds[which]
    rows = np.flatnonzero(which)
    labels = Counter(table.labels[i] for i in rows if table.labels[i] is not None)
    return PartitionCount(
        partition=name,
        clips=int(rows.size),
        seconds=float(seconds.sum()),
        speakers=_n_speakers([table.speakers[i] for i in rows]),
        shortest=float(seconds.min()),
        longest=float(seconds.max()),
        majority=max(labels.values()) / labels.total() if labels else None,
        chance_uar=1 / len(labels) if labels else None,
    )


def _n_speakers(speakers: Sequence[Any]) -> int | None:
    known = {speaker for speaker in speakers if speaker is not None}
    return len(known) or None

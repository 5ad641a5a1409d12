"""Whether voice and class can be told apart: speakers who say one class alone."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence

from study.checking.findings import Finding, found
from study.checking.table import ClipTable
from study.corpus.layouts.names import PARTITIONS
from study.text import percent

SHARE = 0.2  # of the speakers with two clips or more, from which it matters
_ERRORS = 3.0  # standard errors by which there must be more of them than by chance


def voice_findings(table: ClipTable) -> list[Finding]:
    """One finding where more speakers say one class alone than by chance, and many do."""
    labelled = [
        (speaker, label, PARTITIONS[part])
        for speaker, label, part in zip(table.speakers, table.labels, table.partition, strict=True)
        if speaker is not None and label is not None and part >= 0
    ]
    clips = Counter(speaker for speaker, _, _ in labelled)
    classes: dict[str, set[str]] = {}
    where: dict[str, set[str]] = {}
    for speaker, label, part in labelled:
        classes.setdefault(speaker, set()).add(label)
        where.setdefault(speaker, set()).add(part)
    several = [speaker for speaker, n in clips.items() if n > 1]
    alone = [speaker for speaker in several if len(classes[speaker]) == 1]
    totals = Counter(label for _, label, _ in labelled)
    of_n = {n: by_chance(n, list(totals.values())) for n in {*clips.values()}}
    chances = [of_n[clips[speaker]] for speaker in several]
    expected = sum(chances)
    error = math.sqrt(sum(p * (1 - p) for p in chances))
    if len(alone) < max(SHARE * len(several), expected + _ERRORS * error, 1):
        return []
    both = [speaker for speaker in alone if {"train", "devel"} <= where[speaker]]
    of_class = Counter(label for speaker in alone for label in classes[speaker])
    return found("voice and class", [_sentence(alone, several, expected, of_class, both)])


def by_chance(n: int, totals: Sequence[int]) -> float:
    """Probability that ``n`` clips, drawn without replacement, are of one class.

    Args:
        n: Clips of a speaker.
        totals: Clips of each class.

    >>> round(by_chance(2, [2, 2]), 3), by_chance(3, [2, 2])
    (0.333, 0.0)
    """
    every = math.comb(sum(totals), n)
    return sum(math.comb(total, n) for total in totals) / every


def _sentence(
    alone: Sequence[str],
    several: Sequence[str],
    expected: float,
    of_class: Mapping[str, int],
    both: Sequence[str],
) -> str:
    voices = ", ".join(f"{label!r} {n}" for label, n in sorted(of_class.items()))
    text = (
        f"{len(alone)} of {len(several)} speakers ({percent(len(alone) / len(several))}) say one"
        f" class alone ({voices}; chance would give {expected:.1f} of them): a network that knows"
        " voices knows their class, so no figure tells the one from the other"
    )
    if both:
        text += (
            f"; {len(both)} of them are in train and in devel, where to recognise a voice is to be"
            " right: UAR on devel says nothing about new speakers"
        )
    return (
        f"{text}; what counts is the number of speakers of each class, not of clips, and a UAR"
        " holds only for new speakers, with an interval over them"
    )

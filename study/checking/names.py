"""Findings about speakers and labels as they are written: what is nearly the same, or missing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from study.checking.findings import Finding, found
from study.checking.table import ClipTable
from study.corpus.label_questions import label_questions
from study.corpus.layouts.names import PARTITIONS
from study.corpus.spelling import alike_names, seen
from study.text import plural

_WHOLE_NUMBERS = 20  # that may well be the names of classes, as of digits

_MISSING = {"nan", "none", "null", "nil", "na", "n/a", "<na>", "nat", "unknown", "-", "--"}


def name_findings(table: ClipTable) -> list[Finding]:
    """Names that are nearly the same, labels that may be no classes, and clips without speaker."""
    labels = Counter(label for label in table.labels if label is not None)
    speakers = Counter(speaker for speaker in table.speakers if speaker is not None)
    alike = [
        f"{what} {' and '.join(_counted(name, n) for name in group)}"
        for what, n in (("labels", labels), ("speakers", speakers))
        for group in alike_names(n)
    ]
    test = PARTITIONS.index("test")
    judged = [i for i, one in enumerate(table.partition) if one not in (test, -1)]
    nobody = [table.names[i] for i in judged if table.speakers[i] is None]
    missing = [
        f"{_counted(name, speakers)} looks like a missing value"
        for name in sorted(speakers)
        if seen(name).casefold() in _MISSING
    ]
    return [
        *found("alike", alike),
        *found("odd labels", label_questions(labels, most_numbers=_WHOLE_NUMBERS)),
        *found("no speaker", missing + (nobody if len(nobody) < len(judged) else [])),
    ]


def _counted(name: str, clips: Mapping[str, int]) -> str:
    return f"{name!a} ({plural(clips[name], 'clip')})"

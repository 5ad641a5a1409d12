"""What is wrong with audio files, from the facts about each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from study.checking.findings import Finding, found
from study.checking.table import Table
from study.corpus.audio.decode import Segment
from study.corpus.audio.file_digests import audio_digest

__all__ = ["audio_findings"]

SILENT_DB = -66.0  # of full scale: 16 steps of 16 bits
CLIPPED_SHARE = 0.001
DC_SHARE = 0.05
LATE_S = (
    0.01  # by which a segment may end after its file, as `study.corpus.audio.samples` decodes it
)


def audio_findings(
    table: Table,
    changed: NDArray[np.bool_],
    expected: Mapping[str, str] | None = None,
    segments: Sequence[Segment] = (),
) -> list[Finding]:
    """Judge every file that is there.

    Args:
        table: The clips.
        changed: Files that are others than before although size and time are the same.
        expected: Digest of the audio by file name when the study began, where there is a study.
        segments: The part of its file that each clip is, needed with ``expected``.
    """
    facts, names = table.facts, np.array(table.names, object)
    there = ~table.outside
    faulty = there & (facts["fault"] != b"")
    heard = there & table.heard
    silent = heard & (facts["peak"] < SILENT_DB)
    loud = heard & ~silent

    def of(kind: str, which: NDArray[np.bool_], said: Any = None) -> list[Finding]:
        rows = np.flatnonzero(which)
        if said is None:
            return found(kind, names[rows].tolist())
        return found(kind, [f"{names[i]} ({said(facts[i])})" for i in rows])

    findings = of("unreadable", faulty, lambda row: row["fault"].decode(errors="replace"))
    findings += of("empty", there & ~faulty & (facts["frames"] == 0))
    findings += of("not finite", there & (facts["bad"] > 0), lambda row: f"{row['bad']} samples")
    findings += of("truncated", there & facts["cut"])
    late = there & (facts["late"] > LATE_S)
    findings += of("segment", late, lambda row: f"ends {row['late']:.2f} s after its file")
    findings += of("silent", silent, lambda row: f"peak {row['peak']:.0f} dB")
    clipped = loud & (facts["clipped"] >= CLIPPED_SHARE)
    findings += of("clipped", clipped, lambda row: f"{row['clipped']:.1%} of the samples")
    findings += of("DC", loud & (facts["dc"] >= DC_SHARE), lambda row: f"{row['dc']:.0%} of peak")
    for kind, field, unit in (("rate", "rate", " Hz"), ("channels", "channels", "")):
        readable = there & ~faulty
        common = _commonest(facts[field][readable])
        odd = readable & (facts[field] != common)
        findings += of(
            kind,
            odd,
            lambda row, field=field, unit=unit, common=common: (
                f"{row[field]}{unit}, most have {common}{unit}"
            ),
        )
    findings += of("changed", changed)
    if expected is not None:
        shas = [
            audio_digest(str(sha), *segment)
            for sha, segment in zip(facts["sha256"].astype(str), segments, strict=True)
        ]
        other = [
            name
            for name, sha, ok in zip(table.names, shas, there & ~faulty, strict=True)
            if ok and name in expected and expected[name] != sha
        ]
        findings += found("changed since", other)
    return findings


def _commonest(values: NDArray[Any]) -> int:
    return int(Counter(values.tolist()).most_common(1)[0][0]) if values.size else 0

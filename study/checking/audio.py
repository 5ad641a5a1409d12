"""What is wrong with audio files, from the facts about each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from study.checking.findings import Finding, found
from study.checking.table import ClipTable
from study.corpus.audio.decode import Segment
from study.corpus.audio.file_digests import audio_digest

SILENT_DB = -66.0  # of full scale: 16 steps of 16 bits
CLIPPED_SHARE = 0.001
DC_SHARE = 0.05
LATE_S = 0.01  # by which a segment may end after its file, as `samples` decodes it


def audio_findings(
    table: ClipTable,
    changed: NDArray[np.bool_],
    expected: Mapping[str, str] | None = None,
    segments: Sequence[Segment] = (),
) -> list[Finding]:
    """Return what is wrong with every file that is there.

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

    def of(kind: str, which: NDArray[np.bool_], describe: Any = None) -> list[Finding]:
        rows = np.flatnonzero(which)
        if describe is None:
            return found(kind, names[rows].tolist())
        return found(kind, [f"{names[i]} ({describe(facts[i])})" for i in rows])

    findings = of("unreadable", faulty, lambda row: row["fault"].decode(errors="replace"))
    findings += of("empty", there & ~faulty & (facts["frames"] == 0))
    findings += of("not finite", there & (facts["bad"] > 0), lambda row: f"{row['bad']} samples")
    findings += of("truncated", there & facts["cut"])
    late = there & (facts["late"] > LATE_S)
    findings += of("segment", late, lambda row: f"ends {row['late']:.2f} s after its file")
    findings += of("silent", silent, lambda row: f"peak {row['peak']:.0f} dB")
    findings += of("cancelled", loud & facts["cancelled"])
    clipped = loud & (facts["clipped"] >= CLIPPED_SHARE)
    findings += of("clipped", clipped, lambda row: f"{row['clipped']:.1%} of the samples")
    findings += of("DC", loud & (facts["dc"] >= DC_SHARE), lambda row: f"{row['dc']:.0%} of peak")
    readable = there & ~faulty
    for kind, unit in (("rate", " Hz"), ("channels", "")):
        counts = Counter(facts[kind][readable].tolist())
        common = counts.most_common(1)[0][0] if counts else 0
        texts = {value: f"{value}{unit}, most have {common}{unit}" for value in counts}
        odd = readable & (facts[kind] != common)
        findings += of(kind, odd, lambda row, kind=kind, texts=texts: texts[int(row[kind])])
    findings += of("changed", changed)
    if expected is not None:
        shas = zip(table.names, facts["sha256"].astype(str), segments, readable, strict=True)
        other = [
            name
            for name, sha, segment, ok in shas
            if ok and expected.get(name) not in (None, audio_digest(str(sha), *segment))
        ]
        findings += found("changed since", other)
    return findings

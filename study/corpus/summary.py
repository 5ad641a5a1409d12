"""A corpus in about ten lines, for a person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from study.corpus.clip import Clip
from study.corpus.corpus import Corpus
from study.corpus.label_questions import label_questions
from study.corpus.layouts.audio_files import left_out_lines
from study.corpus.layouts.names import PARTITIONS
from study.text import first_of, plural


def summarise(
    corpus: Corpus, durations: Sequence[float] | None = None, sampling_rate: str | None = None
) -> str:
    """Return what a corpus is: name, layout, classes, chance, and a line per partition.

    Args:
        corpus: The corpus.
        durations: Seconds per clip in its order, once they are known.
        sampling_rate: As it is written, once it is known.
    """
    seconds = None if durations is None else np.asarray(durations, np.float64)
    head = [f"corpus {corpus.name} ({corpus.layout})", f"{len(corpus.clips):,} clips"]
    if sampling_rate is not None:
        head.append(sampling_rate)
    if seconds is not None:
        head.append(f"{seconds.sum() / 3600:.2f} h")
    lines = [", ".join([*head, str(corpus.root)])]
    if corpus.simulated:
        lines.append("SIMULATED audio: no figure of it may stand beside one of real recordings")
    if corpus.info.get("licence") is not None:
        lines.append(f"licence {corpus.info['licence']}")
    lines.append(_classes(corpus))
    lines += label_questions(Counter(clip.label for clip in corpus.clips if clip.label))
    for name in PARTITIONS:
        here = np.array([clip.partition == name for clip in corpus.clips])
        if here.any():
            lines.append(_partition(corpus, name, None if seconds is None else seconds[here]))
    files = len({clip.path for clip in corpus.clips})
    if any(clip.start is not None or clip.end is not None for clip in corpus.clips):
        lines.append(f"the clips are parts of {plural(files, 'file')}")
    if metadata := _metadata(corpus.clips):
        lines.append(f"metadata: {metadata}")
    if shared := _shared_speakers(corpus.clips):
        lines.append(f"speakers in more than one partition: {first_of(shared)}")
    lines += left_out_lines(corpus.left_out)
    return "\n".join(lines)


def _classes(corpus: Corpus) -> str:
    """Classes, and what needs no ear: chance, and always saying the most frequent class."""
    n = len(corpus.classes)
    chance = f"{first_of(corpus.classes)}: {n} classes, chance {1 / n:.1%} UAR"
    counts = {
        name: Counter(clip.label for clip in corpus.clips if clip.partition == name)
        for name in ("train", "devel")
    }
    major = max(corpus.classes, key=lambda label: counts["train"][label])
    share = counts["devel"][major] / max(sum(counts["devel"].values()), 1)
    recalled = 1 / n if counts["devel"][major] else 0.0
    return f"{chance}; always {major!r}: {recalled:.1%} UAR, {share:.1%} of devel right"


def _partition(corpus: Corpus, name: str, seconds: NDArray[Any] | None) -> str:
    clips = corpus.partition(name)
    speakers = {clip.speaker for clip in clips if clip.speaker is not None}
    parts = [f"{name:<5} {len(clips):>7,} clips"]
    parts.append(plural(len(speakers), "speaker") if speakers else "speakers not known")
    if name == "test":
        parts.append("labels blind")
    else:
        counts = Counter(clip.label for clip in clips)
        parts.append(first_of([f"{label} {counts[label]:,}" for label in corpus.classes]))
    if seconds is not None:
        low, mid, high = np.quantile(seconds, (0, 0.5, 1))
        parts.append(f"{low:.2f} to {high:.2f} s, median {mid:.2f} s")
        parts.append(f"{seconds.sum() / 3600:.2f} h")
    return ", ".join(parts)


def _metadata(clips: Sequence[Clip]) -> str:
    """Columns of metadata with the number of values of each."""
    values: dict[str, set[str]] = {}
    for clip in clips:
        for key, value in clip.metadata.items():
            values.setdefault(key, set()).add(value)
    return first_of([f"{key} ({plural(len(found), 'value')})" for key, found in values.items()])


def _shared_speakers(clips: Sequence[Clip]) -> list[str]:
    pairs = {(clip.speaker, clip.partition) for clip in clips if clip.speaker is not None}
    counts = Counter(speaker for speaker, _ in pairs)
    return sorted(speaker for speaker, n in counts.items() if n > 1)

"""One clip of a corpus: its audio file, its label, its partition."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from study.corpus.layouts.names import Partition


@dataclass(frozen=True)
class Clip:
    """One recording, or a part of a long one."""

    # as written in the label file, with the segment where it is one; unique, and what predictions
    # are written under
    file_name: str
    path: Path  # the audio file
    label: str | None  # the class as text; None for every test clip, even where a label is on disk
    partition: Partition  # `train`, `devel` or `test`
    speaker: str | None  # None where not known
    # seconds into the file where the clip begins; None: at its beginning
    start: float | None = None
    end: float | None = None  # seconds into the file where it ends; None: at its end
    # other columns of the label files (gender, session), to group by
    metadata: Mapping[str, str] = field(default_factory=dict, hash=False)

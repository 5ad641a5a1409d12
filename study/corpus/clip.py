"""One clip of a corpus: its audio file, its label, its partition."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from study.corpus.layouts.names import Partition

__all__ = ["Clip"]


@dataclass(frozen=True)
class Clip:
    """One recording, or a part of a long one.

    Attributes:
        file_name: As written in the label file, with the segment where it is one; unique, and what
            predictions are written under.
        path: The audio file.
        label: The class as text; None for every test clip, even where a label is on disk.
        partition: ``train``, ``devel`` or ``test``.
        speaker: None where not known.
        start: Seconds into the file where the clip begins; None: at its beginning.
        end: Seconds into the file where it ends; None: at its end.
        metadata: Other columns of the label files (gender, session), to group by.
    """

    file_name: str
    path: Path
    label: str | None
    partition: Partition
    speaker: str | None
    start: float | None = None
    end: float | None = None
    metadata: Mapping[str, str] = field(default_factory=dict, hash=False)

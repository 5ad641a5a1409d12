"""What every layout is read into, and what a layout is."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from study.corpus.layouts.audio_files import LeftOut
from study.corpus.layouts.problems import Problems
from study.files.csv_files import cell_number

# Timedeltas are read, too, but seconds are what a person should write.
SEGMENT_RULE = "a segment must have start and end in seconds, 0 <= start < end, as in its name"
BLIND = "?"  # the challenges' mark for a label that is kept back
_SAME = 1e-6  # s; times that are rounded to microseconds
_TIMEDELTA = re.compile(
    r"(?=.)(?:(\d{1,6}) days?,? *)?(?:(\d{1,9}):([0-5]?\d):([0-5]?\d(?:\.\d*)?))?"
)
_SEGMENT = re.compile(r"(.*)#t=([0-9][0-9.e+-]*)(?:,([0-9][0-9.e+-]*))?", re.DOTALL)


@dataclass(frozen=True)
class Source:
    """Where a corpus is and how it is to be read."""

    root: Path  # the corpus folder; no clip lies outside of it
    manifest: str | None = None  # name of the manifest in it, where `corpus:` names a file
    label_column: str | None = None  # the column that holds the label, where it is not `label`
    audio: Path | None = None  # the folder of the files, where it is not in the corpus folder

    def at(self, folder: str) -> str:
        """What stands in front of the names in a label file whose files lie in ``folder``.

        >>> Source(Path("c")).at("wav/"), Source(Path("c"), audio=Path("/data")).at("wav/")
        ('wav/', '/data/')
        """
        return folder if self.audio is None else f"{self.audio.as_posix()}/"


@dataclass(frozen=True)
class Row:
    """One clip as a label file gives it, not validated yet."""

    file_name: str  # what predictions are written under; a segment's is `segment_name`
    # where the audio should be, relative to the corpus folder, with forward slashes; absolute where
    # `Source.audio` is another folder
    path: str
    label: str | None  # as written; None when blind
    # as written or as the file name says, not yet one of train, devel, test; None where the layout
    # has no partitions
    partition: str | None
    speaker: str | None  # None when not known
    file: str  # the label file, relative to the corpus folder
    line: int | None  # its line, from 1; None where there are no lines
    # seconds into the file where the clip begins; None: at its beginning
    start: float | None = None
    end: float | None = None  # seconds into the file where the clip ends; None: at its end
    # the other columns, where they are not empty
    metadata: Mapping[str, str] = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class Layout:
    """A way to lay out a corpus."""

    name: str  # printed, kept with the study, and what `layout:` may name
    shape: str  # the files that make it, for the sentence that says what is known
    # whether a folder looks like this layout; opens a few label files at most
    matches: Callable[[Source], bool] = field(repr=False)
    # source and problems -> rows in the order of the label files
    read: Callable[[Source, Problems], list[Row]] = field(repr=False)
    # what there is to hear and is no row; of label files nothing, since they say what is meant
    left_out: Callable[[Source], LeftOut] = field(default=lambda source: {}, repr=False)


def segment_name(file_name: str, start: float | None, end: float | None) -> str:
    """Name of a part of a file, as W3C Media Fragments (1.0, section 4.2.1) write it.

    >>> segment_name("a.wav", 1.25, 2.0), segment_name("a.wav", 3.0, None)
    ('a.wav#t=1.25,2', 'a.wav#t=3')
    >>> segment_name("a.wav", None, None)
    'a.wav'
    """
    if start is None and end is None:
        return file_name
    stop = "" if end is None else f",{_seconds(end)}"
    return f"{file_name}#t={_seconds(start or 0.0)}{stop}"


def split_segment(name: str) -> tuple[str, float | None, float | None]:
    """Return file, start and end of what :func:`segment_name` wrote.

    >>> split_segment("a.wav#t=1.25,2"), split_segment("a.wav#t=3"), split_segment("a.wav")
    (('a.wav', 1.25, 2.0), ('a.wav', 3.0, None), ('a.wav', None, None))
    """
    found = _SEGMENT.fullmatch(name)
    times = None if found is None else segment_times(found[2], found[3])
    return (name, None, None) if found is None or times is None else (found[1], *times)


def segment_of(
    name: str, start: str | None, end: str | None
) -> tuple[str, float | None, float | None] | None:
    """Return file, start and end of a table's row; None where `SEGMENT_RULE` is broken.

    The times may stand in columns, in the name (as in tables that spectune wrote), or in both.

    >>> segment_of("a.wav", "1", "2"), segment_of("a.wav#t=1,2", "", None)
    (('a.wav', 1.0, 2.0), ('a.wav', 1.0, 2.0))
    >>> segment_of("a.wav#t=1,2", "1", "2"), segment_of("a.wav#t=1,2", "1", "3")
    (('a.wav', 1.0, 2.0), None)
    """
    times, (file, *own) = segment_times(start, end), split_segment(name)
    if times is None or own == [None, None]:
        return None if times is None else (file, *times)
    pairs = zip(times, own, strict=True)
    same = all(a == b or abs((a or 0.0) - (b or math.inf)) < _SAME for a, b in pairs)
    return (file, own[0], own[1]) if same or times == (None, None) else None


def segment_times(start: str | None, end: str | None) -> tuple[float | None, float | None] | None:
    """Return where a segment begins and ends in seconds; None where `SEGMENT_RULE` is broken.

    Times are seconds, or as pandas and audformat write them (`NaT`: not given).

    >>> segment_times("1.25", " "), segment_times(None, None), segment_times("2", "1")
    ((1.25, None), (None, None), None)
    >>> segment_times("0 days 00:01:01.500000", "NaT"), segment_times("00:00:01", "0:00:02.5")
    ((61.5, None), (1.0, 2.5))
    >>> segment_times("0 days", "NaT")  # pandas, where no time of the column needs more
    (0.0, None)
    """
    first, last = _number(start), _number(end)
    kept = (first or 0.0) >= 0.0 and (last is None or last > (first or 0.0))
    return (first, last) if kept else None


def _number(text: str | None) -> float | None:
    """Return a number; None where there is none, NaN where it is not a finite one."""
    if text is None or text.strip() in ("", "NaT"):
        return None
    if (found := _TIMEDELTA.fullmatch(text.strip())) is not None:
        days, hours, minutes, seconds = (float(part or 0) for part in found.groups())
        return ((days * 24 + hours) * 60 + minutes) * 60 + seconds
    value = cell_number(text)
    return value if math.isfinite(value) else math.nan


def _seconds(value: float) -> str:
    return repr(float(value)).removesuffix(".0")

"""Which row of another tool's table is which clip of a study.

One way of naming holds for the whole table and for all partitions, and under it no two clips and no
two rows may meet: a row that could be two clips' is nobody's.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from search_spaces.grammar.errors import InputError
from study.corpus.layouts.rows import SEGMENT_RULE, segment_of, split_segment
from study.files.csv_files import CsvTable

TOLERANCE = 1.001e-3  # s; tables of other tools hold milliseconds
_EQUAL = 2e-6  # s; times that are the same but for rounding to microseconds
_DEEPEST = 20  # folders that may stand in front of a name
_ENDING = re.compile(r"\.[A-Za-z][A-Za-z0-9]{0,5}$")  # ".1" belongs to a name
_Parts = tuple[str, ...]


class Segment(NamedTuple):
    """A file or a part of one."""

    path: _Parts  # the names of its folders and its own
    start: float = 0.0  # s
    end: float | None = None  # s; None: where the file ends


class MatchedRows(NamedTuple):
    """The rows of a table that are clips.

    Args:
        rows: Position of the row by the clip's name.
        by: How names were compared, for a sentence after "matched by".
        hint: Why none was found, where that can be said; else empty.
    """

    rows: dict[str, int]
    by: str
    hint: str = ""


class _Key(NamedTuple):
    """A way of naming: what of a name is compared; nothing where a name has not so many parts."""

    by: str
    of_row: Callable[[_Parts], _Parts]
    of_clip: Callable[[_Parts], _Parts]


def match_rows(table: CsvTable, file_column: int, clips: Iterable[str]) -> MatchedRows:
    """Find the row of each clip.

    Names are compared as they are; else without the first folders, as many in every row (or in
    every clip), since tables often hold whole paths; else without the folder that all share; and
    each of these without the files' endings. The first of these ways that finds a clip is the only
    one that is used. Segments must also agree in start and end, to 1 ms.

    Args:
        table: Has a column of file names, and maybe `start` and `end` in seconds or as timedeltas.
        file_column: Position of the column of file names.
        clips: The names of all clips of the study, of every partition.

    Raises:
        InputError: A row occurs twice, or its times make no sense.
    """
    names = list(dict.fromkeys(clips))
    wanted = [_segment(name) for name in names]
    rows = list(_row_segments(table, file_column))
    _check_once(table, rows, file_column)
    shown = [row[file_column].strip() for row in table.rows]
    unclear = ""
    for key in _keys([row.path for row in rows], [clip.path for clip in wanted]):
        found, met = _pairs(rows, wanted, key)
        if not found:
            continue
        twice = (
            _meeting([key.of_clip(clip.path) for clip in wanted], wanted, names)
            or _meeting([key.of_row(row.path) for row in rows], rows, shown)
            or met
        )
        if not twice:
            return MatchedRows({names[clip]: row for clip, row in found.items()}, key.by)
        unclear = unclear or f"by {key.by} it is not clear which row is meant, since {twice}"
    return MatchedRows({}, "file name", unclear or _times_hint(rows, wanted))


def _segment(name: str) -> Segment:
    file, start, end = split_segment(name)
    return Segment(_parts(file), start or 0.0, end)


def _parts(file: str) -> _Parts:
    return tuple(
        part for part in file.strip().replace("\\", "/").split("/") if part not in ("", ".")
    )


def _row_segments(table: CsvTable, file_column: int) -> Iterator[Segment]:
    columns = table.column(["start"]), table.column(["end"])
    for line, row in zip(table.lines, table.rows, strict=True):
        cells = [None if i is None else row[i] for i in columns]
        name = row[file_column].strip()
        if (found := segment_of(name, *cells)) is None:
            value = " and ".join(repr(cell or "") for cell in cells)
            raise InputError(f"{table.path}:{line}: {SEGMENT_RULE}, got {value} for {name!r}")
        file, start, end = found
        yield Segment(_parts(file), start or 0.0, end)


def _check_once(table: CsvTable, rows: Sequence[Segment], file_column: int) -> None:
    first: dict[Segment, int] = {}
    for i, row in enumerate(rows):
        if (before := first.setdefault(row, i)) != i:
            raise InputError(
                f"{table.path}:{table.lines[i]}: every clip may occur once,"
                f" {table.rows[i][file_column].strip()!r} is also in line {table.lines[before]}."
            )


def _keys(rows: Sequence[_Parts], clips: Sequence[_Parts]) -> Iterator[_Key]:
    """Ways of naming, the most exact first."""
    deepest = [min(_DEEPEST, max(map(len, side), default=0) - 1) for side in (rows, clips)]
    in_rows, in_clips = _shared(rows), _shared(clips)
    for bare, without in ((_same, ""), (_without_ending, " without its ending")):
        yield _Key(f"file name{without}", bare, bare)
        for n in range(1, deepest[0] + 1):
            by = f"file name{without}, without the first {_folders(n)} of the table's names"
            yield _Key(by, _dropping(n, bare), bare)
        for n in range(1, deepest[1] + 1):
            by = f"file name{without}, without the first {_folders(n)} of the clips' names"
            yield _Key(by, bare, _dropping(n, bare))
        if in_rows and in_clips:
            by = f"file name{without}, without the folder that all the table's names share"
            yield _Key(by, _dropping(in_rows, bare), _dropping(in_clips, bare))


def _same(path: _Parts) -> _Parts:
    return path


def _without_ending(path: _Parts) -> _Parts:
    return (*path[:-1], _ENDING.sub("", path[-1])) if path else ()


def _dropping(n: int, bare: Callable[[_Parts], _Parts]) -> Callable[[_Parts], _Parts]:
    return lambda path: bare(path[n:])


def _folders(n: int) -> str:
    return "folder" if n == 1 else f"{n} folders"


def _shared(paths: Sequence[_Parts]) -> int:
    """How many folders all paths begin with."""
    folders = [path[:-1] for path in paths]
    if not folders:
        return 0
    low, high = min(folders), max(folders)
    pairs = enumerate(zip(low, high, strict=False))
    return next((i for i, (a, b) in pairs if a != b), min(len(low), len(high)))


def _pairs(
    rows: Sequence[Segment], clips: Sequence[Segment], key: _Key
) -> tuple[dict[int, int], str]:
    """Row by clip, and a phrase where two rows or two clips are the same."""
    # Segments of one file are looked up by their start in ms: there may be thousands.
    by_start: dict[tuple[_Parts, int], list[int]] = {}
    for i, clip in enumerate(clips):
        by_start.setdefault((key.of_clip(clip.path), round(1e3 * clip.start)), []).append(i)
    found: dict[int, int] = {}
    owned = {own for own, _ in by_start if own}
    for i, row in enumerate(rows):
        if (own := key.of_row(row.path)) not in owned:
            continue
        at = round(1e3 * row.start)
        near = [
            clip
            for step in (-2, -1, 0, 1, 2)
            for clip in by_start.get((own, at + step), [])
            if _same_times(row, clips[clip], TOLERANCE)
        ]
        if len(near) > 1:
            near = [clip for clip in near if _same_times(row, clips[clip], _EQUAL)] or near
        if len(near) > 1:
            return {near[0]: i}, f"two clips have the times of {_shown(row)}"
        if near and near[0] in found:
            return found, f"two rows have the times of {_shown(clips[near[0]])}"
        if near:
            found[near[0]] = i
    return found, ""


def _meeting(keys: Sequence[_Parts], segments: Sequence[Segment], names: Sequence[str]) -> str:
    """A phrase where two of the names have one key and the same times; else empty."""
    first: dict[tuple[_Parts, float, float | None], int] = {}
    for i, (key, one) in enumerate(zip(keys, segments, strict=True)):
        if key and (before := first.setdefault((key, one.start, one.end), i)) != i:
            return f"{names[before]!r} and {names[i]!r} are then the same"
    return ""


def _same_times(one: Segment, other: Segment, tolerance: float) -> bool:
    ends = [math.inf if end is None else end for end in (one.end, other.end)]
    close = ends[0] == ends[1] or abs(ends[0] - ends[1]) <= tolerance
    return close and abs(one.start - other.start) <= tolerance


def _times_hint(rows: Sequence[Segment], clips: Sequence[Segment]) -> str:
    """Why no row is a clip although files are the same."""
    files = {clip.path for clip in clips} | {clip.path[-1:] for clip in clips}
    if not any(row.path in files or row.path[-1:] in files for row in rows):
        return ""
    timed = [any(one.start or one.end is not None for one in side) for side in (rows, clips)]
    if timed == [True, False]:
        return (
            "the clips are whole files and the table has times: leave out its columns start and"
            " end if every row is a whole file"
        )
    if timed == [False, True]:
        return "the clips are parts of files: the table needs the columns start and end"
    return "no row has the times of a clip, to 1 ms" if timed == [True, True] else ""


def _shown(one: Segment) -> str:
    end = "" if one.end is None else f" to {one.end:g}"
    return f"{'/'.join(one.path)} from {one.start:g}{end} s"

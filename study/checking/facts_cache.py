"""What is known about a corpus's files, kept by path, size and time beside the clip cache.

<cache root>/checks/<corpus folder>.npz    a row of FACTS per clip, its path, size and mtime
<cache root>/checks/<corpus folder>.json   the last whole check and what it was made from
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from search_spaces.grammar.errors import InputError
from study.checking.facts import FACTS, FACTS_VERSION, without_facts
from study.checking.pool import WORKER, look_into
from study.corpus.audio.decode import Segment
from study.files import digest_lines, new_file
from study.progress import Progress, no_progress

Place = tuple[Path, Segment]  # where a clip lies

_BETWEEN = "\0\0"  # in no path


@dataclass(frozen=True, eq=False)
class Known:
    """What is known about a corpus's clips."""

    facts: NDArray[np.void]  # a row of `FACTS` per clip
    # clips whose file is another although its size and time are not, shape `(clips,)`
    changed: NDArray[np.bool_]


def store_of(root: Path, cache_root: Path) -> Path:
    """The file, without its suffix, that belongs to a corpus folder."""
    return cache_root.resolve() / "checks" / digest_lines([os.fspath(root)])[:32]


def stamps_of(places: Sequence[Place | None]) -> NDArray[np.int64]:
    """Size in bytes and mtime in ns of each clip's file, shape ``(clips, 2)``; -1 for none."""
    stamps = np.full((len(places), 2), -1, np.int64)
    for i, place in enumerate(places):
        if place is None:
            continue
        try:
            stat = os.stat(place[0])  # noqa: PTH116 (36,000 of them: half the time of Path.stat)
            stamps[i] = stat.st_size, stat.st_mtime_ns
        except OSError:
            continue
    return stamps


def look_up_facts(
    places: Sequence[Place],
    stamps: NDArray[np.int64],
    store: Path,
    *,
    full: bool = False,
    progress: Progress = no_progress,
    seconds_per_file: float = 60.0,
    command: Sequence[str] = WORKER,
) -> Known:
    """Look into files that are new or have another size or time; what is learnt is kept.

    Also on an interruption: the next call goes on from there.

    Args:
        places: Of the clips.
        stamps: Of :func:`stamps_of`; a file that does not exist has a fault.
        store: From :func:`store_of`.
        full: Look into all files again.
        progress: Called with files done and files in all, while there is something to do.
        seconds_per_file: See :func:`study.checking.pool.look_into`.
        command: See :func:`study.checking.pool.look_into`.

    Raises:
        InputError: The cache cannot be written.
    """
    keys = [_key(place) for place in places]
    known = _read(store.with_suffix(".npz"))
    facts = np.zeros(len(places), FACTS)
    old = np.zeros(len(places), bool)
    before = np.zeros(len(places), "S64")
    for i, key in enumerate(keys):
        if stamps[i, 0] < 0:
            facts[i] = without_facts("cannot be read: No such file or directory")[0]
        elif (row := known.get(key)) is not None and row[0] == tuple(stamps[i]):
            facts[i], before[i], old[i] = row[1], row[1]["sha256"], True
    done = np.zeros_like(old) if full else old.copy()
    ahead = np.flatnonzero((stamps[:, 0] >= 0) & ~done)
    by_file: dict[Path, list[int]] = {}
    for i in ahead.tolist():
        by_file.setdefault(places[i][0], []).append(i)
    files = [(path, [places[i][1] for i in rows]) for path, rows in by_file.items()]
    looked = look_into(files, seconds_per_file=seconds_per_file, command=command)
    try:
        for n, (rows, found) in enumerate(zip(by_file.values(), looked, strict=True), start=1):
            facts[rows] = found
            done[rows] = True
            progress(n, len(files))
    finally:
        looked.close()
        if len(ahead) or len(known) != len(keys):
            _write(store.with_suffix(".npz"), keys, stamps, facts, done)
    changed = old & (facts["sha256"] != before) & (facts["fault"] == b"")
    return Known(facts, changed)


def _key(place: Place) -> str:
    path, (start, end) = place
    return os.fspath(path) if start is None and end is None else f"{path}\0{start}\0{end}"


def _read(path: Path) -> dict[str, tuple[tuple[int, int], np.void]]:
    """Stamps and facts by key; nothing where the file is missing, old or damaged."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            if int(stored["version"]) != FACTS_VERSION or stored["facts"].dtype != FACTS:
                return {}
            keys = stored["keys"].tobytes().decode().split(_BETWEEN)
            stamps = [(size, time) for size, time in stored["stamps"].tolist()]
            return dict(zip(keys, zip(stamps, stored["facts"], strict=True), strict=True))
    except Exception:  # what NumPy's readers raise of damage is not bounded
        return {}


def _write(
    path: Path,
    keys: Sequence[str],
    stamps: NDArray[np.int64],
    facts: NDArray[np.void],
    done: NDArray[np.bool_],
) -> None:
    names = _BETWEEN.join(key for key, whole in zip(keys, done, strict=True) if whole)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{path}.lock"), new_file(path) as file:
            np.savez(
                file,
                version=FACTS_VERSION,
                keys=np.frombuffer(names.encode(), np.uint8),
                stamps=stamps[done],
                facts=facts[done],
            )
    except OSError as error:
        raise InputError(
            f"{path.parent}: the cache folder must be writable (SPECTUNE_CACHE names another), got"
            f" {error}"
        ) from error

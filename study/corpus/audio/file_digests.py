"""SHA-256 of every audio file, kept so that only a changed file is read again."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from filelock import FileLock

from runners.cores import n_cores
from study.corpus.layouts import Problems
from study.files import digest_lines, file_sha256, replace_text

AUDIO_RULE = "must be an audio file with finite samples"
_SAVE_SECONDS = 20.0  # a killed run loses no more than that


class FileDigest(NamedTuple):
    """What a file was when it was read."""

    size: int  # bytes
    mtime_ns: int  # when it was last changed
    sha256: str  # of its bytes


def audio_digest(sha256: str, start: float | None, end: float | None) -> str:
    """What a clip's audio is: the digest of its file, and of its place in it where it has one."""
    return (
        sha256 if start is None and end is None else digest_lines([sha256, repr(start), repr(end)])
    )


def digest_files(
    paths: Sequence[Path], root: Path, index: Path, *, workers: int | None = None
) -> dict[Path, FileDigest]:
    """Digests of files; only those of another size or mtime than in the index are read.

    Args:
        paths: Each file once.
        root: The corpus folder that they lie in.
        index: JSON file that keeps the digests.
        workers: Files read at a time; all cores when None.

    Raises:
        InputError: With every file that cannot be read.
    """
    known = _read(index)
    found: dict[str, FileDigest] = {}
    names = [os.fspath(path) for path in paths]
    missing: list[tuple[str, tuple[int, int]]] = []
    problems = Problems()
    for name in names:
        try:
            stat = os.stat(name)  # noqa: PTH116 (36,000 of them: half the time of Path.stat)
        except OSError as error:
            _cannot_read(problems, root, name, error)
            continue
        stamp = stat.st_size, stat.st_mtime_ns
        if (before := known.get(name)) is not None and before[:2] == stamp:
            found[name] = before
        else:
            missing.append((name, stamp))
    saved = time.monotonic()
    try:
        with ThreadPoolExecutor(workers or n_cores()) as pool:
            hashed = pool.map(_hash_file, [name for name, _ in missing])
            for (name, stamp), sha in zip(missing, hashed, strict=True):
                if isinstance(sha, OSError):
                    _cannot_read(problems, root, name, sha)
                    continue
                found[name] = FileDigest(*stamp, sha)
                if time.monotonic() - saved > _SAVE_SECONDS:
                    _write(index, found)
                    saved = time.monotonic()
    finally:
        if missing or len(known) != len(found):
            _write(index, found)
    problems.check(root)
    return {path: found[name] for path, name in zip(paths, names, strict=True)}


def _cannot_read(problems: Problems, root: Path, name: str, error: OSError) -> None:
    inside = os.path.relpath(name, root)
    problems.add(inside, None, AUDIO_RULE, f"one that cannot be read: {error.strerror}")


def _hash_file(name: str) -> str | OSError:
    try:
        return file_sha256(name)
    except OSError as error:
        return error


def _write(index: Path, found: Mapping[str, FileDigest]) -> None:
    index.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{index}.lock"):
        replace_text(index, json.dumps(found))


def _read(index: Path) -> dict[str, FileDigest]:
    """The stored digests; none where the file is missing or damaged (they are made again)."""
    try:
        rows = json.loads(index.read_text("utf-8"))
        return {
            name: FileDigest(int(size), int(mtime), str(sha))
            for name, (size, mtime, sha) in rows.items()
        }
    except (OSError, ValueError, AttributeError, TypeError):
        return {}

"""Files and folders written whole: there is the old content or the new one, never half of it."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any


@contextlib.contextmanager
def naming(path: Path, part: Path | None = None) -> Iterator[None]:
    """Name the file in an error of writing it: the error of a full disk names none.

    Args:
        path: As a person knows it.
        part: What it is called until it is whole.
    """
    try:
        yield
    except OSError as error:
        if error.filename is None or str(error.filename) == str(part):
            error.filename = str(path)
        raise


@contextlib.contextmanager
def new_file(path: Path, *, sync: bool = False) -> Iterator[IO[bytes]]:
    """Give a file beside `path` to be written; it takes the place of `path` when all went well.

    Args:
        path: In a folder that exists.
        sync: Outlast a power cut, too. For a file that one process at a time writes: what a killed
            one left half-written is written over.
    """
    part = path.with_name(f".{path.name}.part") if sync else _beside(path)
    try:
        with naming(path, part), part.open("wb") as file:
            yield file
            if sync:
                file.flush()
                os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            part.unlink()
        raise


@contextlib.contextmanager
def new_folder(target: Path) -> Iterator[Path]:
    """Give a folder beside `target` to be filled; it becomes `target` when all went well.

    Args:
        target: Must not exist, or be empty, by the end.
    """
    target.parent.mkdir(parents=True, exist_ok=True)  # its error names what a person gave
    partial = _beside(target)
    partial.mkdir()
    try:
        yield partial
        partial.rename(target)  # takes the place of an empty folder
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def replace_text(path: Path | str, text: str) -> Path:
    """Write a text file whole; its folder is made where missing."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with new_file(path) as file:
        file.write(text.encode())
    return path


def write_json(path: Path, plain: Mapping[str, Any]) -> None:
    """Write a JSON file whole, also after a power cut."""
    text = json.dumps(plain, indent=1, ensure_ascii=False)
    with new_file(path, sync=True) as file:
        file.write(text.encode(errors="backslashreplace"))  # for paths: JSON reads it back


def _beside(path: Path) -> Path:
    """Return a hidden name in the same folder that nothing has; not too long where its own is not.

    >>> len(_beside(Path("x" * 255)).name)
    50
    """
    return path.with_name(f".{path.name[:40]}.{secrets.token_hex(4)}")

"""Files that are written as a whole: there is the old content or the new one, never half of it."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

__all__ = ["naming", "replace_text", "write_json"]


@contextlib.contextmanager
def naming(path: Path) -> Iterator[None]:
    """Let an error of writing a file tell which one: a full disk's error does not."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            error.filename = str(path)
        raise


def replace_text(path: Path | str, text: str) -> Path:
    """Write a file as a whole: a reader sees the old text or the new one, never half of it."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with naming(path), os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return path


def write_json(path: Path, plain: Mapping[str, Any]) -> None:
    """Write JSON atomically: there is the old file or the new one, also after a power cut."""
    part = path.with_name(f".{path.name}.part")
    try:
        with naming(path), part.open("w") as file:
            json.dump(plain, file, indent=1, ensure_ascii=False)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:  # nothing half-written
        part.unlink(missing_ok=True)
        raise

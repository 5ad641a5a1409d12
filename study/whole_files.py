"""Files that are written as a whole: there is the old content or the new one, never half of it."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["replace_text", "write_json"]


def replace_text(path: Path | str, text: str) -> Path:
    """Write a file as a whole: a reader sees the old text or the new one, never half of it."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
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
        with part.open("w") as file:
            json.dump(plain, file, indent=1, ensure_ascii=False)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:  # nothing half-written
        part.unlink(missing_ok=True)
        raise

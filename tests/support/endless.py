"""Makers of what must never be read."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path


def _sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(2**43)


# Makers of what must never be read: a pipe, a device, a file without end.
ENDLESS: dict[str, Callable[[Path], None]] = {
    "pipe": os.mkfifo,
    "device": lambda path: path.symlink_to("/dev/zero"),
    "sparse": _sparse,
    "folder": Path.mkdir,
}

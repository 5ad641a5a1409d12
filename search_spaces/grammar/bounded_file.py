"""Reading a file that somebody else may have put there: a pipe never ends, a device is never full.

It stands in the lowest room, since all rooms read such files.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from search_spaces.grammar.errors import InputError


def check_regular(path: str | os.PathLike[str]) -> int:
    """Check, before a file is opened, that it is a regular one, which has an end.

    Args:
        path: The file; links are followed.

    Returns:
        The bytes that it has.

    Raises:
        InputError: It is a folder, a pipe or a device.
        OSError: It is not there, or may not be looked at.
    """
    about = os.stat(path)  # noqa: PTH116 (of 36,000 small files: less time than Path.stat)
    if not stat.S_ISREG(about.st_mode):
        kind = "a folder" if stat.S_ISDIR(about.st_mode) else "a pipe or a device"
        raise InputError(f"{path}: cannot be read: it must be a regular file, got {kind}")
    return about.st_size


def check_bounded(path: Path, most: int) -> int:
    """Check, before a file is opened, that it has an end and that this is near enough.

    Args:
        path: The file; links are followed.
        most: Bytes that it may have.

    Returns:
        The bytes that it has.

    Raises:
        InputError: It is a folder, a pipe or a device, or larger.
        OSError: It is not there, or may not be looked at.
    """
    size = check_regular(path)
    if size > most:
        raise InputError(f"{path}: must be under {most} bytes, got {size}")
    return size


def read_bounded(path: Path, most: int) -> bytes:
    """Return the bytes of a regular file of at most ``most`` bytes; see `check_bounded`."""
    size = check_bounded(path, most)
    with path.open("rb") as file:
        data = file.read(size + 1)  # Python allocates all that is asked for
        if len(data) > size:  # it has grown, or is one of the system's, which have no size
            data += file.read(most + 1 - len(data))
    if len(data) > most:
        raise InputError(f"{path}: must be under {most} bytes, got more")
    return data

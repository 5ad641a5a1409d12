"""Where a command is to write: checked before anything is computed."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path

from search_spaces.grammar.errors import InputError


def check_output(path: Path, *, inputs: Iterable[Path] = (), within: Iterable[Path] = ()) -> None:
    """Check that a file can be written, or replaced, without harm.

    Args:
        path: The file.
        inputs: Files that the command reads.
        within: Folders whose files are not to be replaced.

    Raises:
        InputError: If there is something else than a file, or a file that is none of the output's.
        OSError: If there can be no such file: its name is too long, or its folder is a file.
    """
    if path.is_symlink():  # a file would take the place of the link: of /dev/stdout, too
        raise InputError(f"{path}: the output must be a file, got a link; name what it leads to")
    try:
        there = path.stat()
    except FileNotFoundError:
        return
    if not stat.S_ISREG(there.st_mode):
        kind = "a folder" if stat.S_ISDIR(there.st_mode) else "another thing"
        raise InputError(f"{path}: the output must be a file, got {kind}")
    known = (one for one in inputs if os.path.exists(one))  # noqa: PTH110 (any name at all)
    if any(os.path.samestat(there, one.stat()) for one in known):
        raise InputError(f"{path}: the output must be another file than what is read")
    whole = next((one for one in within if path.resolve().is_relative_to(one.resolve())), None)
    if whole is not None:
        raise InputError(f"{path}: the output must not replace a file of {whole}")


def check_output_folder(path: Path) -> None:
    """Check that a path is a folder, or can be one.

    Raises:
        InputError: If there is something else.
        OSError: As `check_output`.
    """
    try:
        there = path.stat()
    except FileNotFoundError:
        return
    if not stat.S_ISDIR(there.st_mode):
        raise InputError(f"{path}: the output must be a folder, got a file")

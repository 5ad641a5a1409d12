"""Links in a results folder, which may come from anywhere."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from search_spaces.grammar.errors import InputError


def check_links(folder: Path) -> None:
    """Check that nothing in a results folder leads out of it: it would be read or written there.

    Raises:
        InputError: Something does.
    """
    root, left = os.path.realpath(folder), [str(folder)]
    while left:
        with contextlib.suppress(FileNotFoundError), os.scandir(left.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    left.append(entry.path)
                elif entry.is_symlink() and not os.path.realpath(entry).startswith(f"{root}/"):
                    raise InputError(
                        f"{entry.path}: a results folder must hold no link out of it; put what it"
                        f" leads to in its place"
                    )

"""A folder that is written as a whole: it is there with all its files, or not at all."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["new_folder"]


@contextmanager
def new_folder(target: Path) -> Iterator[Path]:
    """Give a folder beside `target` to be filled; it becomes `target` when all went well.

    Args:
        target: Must not exist, or be empty, by the end.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
    try:
        partial.chmod(0o755)
        yield partial
        partial.rename(target)  # takes the place of an empty folder
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise

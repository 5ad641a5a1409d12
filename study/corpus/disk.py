"""Whether the files that a corpus lists are there, and lie where they may."""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from study.corpus.layouts.problems import LINKS_OUT
from study.corpus.layouts.rows import Row, split_segment
from study.corpus.spelling import nearest_name

# Line ends and other control characters, and bytes of a file name that are no UTF-8.
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]")
_MOST_HINTS = 20  # each looks through a folder, and no more are shown
NO_FILE = "a listed clip must be a file on disk"


class Disk:
    """The folders in which a corpus's files may lie; lists each folder once.

    Args:
        folders: The corpus folder, and that of its audio where that is another; both resolved.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        self._root, self._folders = folders[0], folders
        self._lists: dict[str, dict[str, bool] | str] = {}
        self._real: dict[str, str] = {}
        self._hints = _MOST_HINTS

    def relative(self, row: Row) -> Row:
        """The row with its name relative to the folder that it is in, where it was absolute."""
        if not row.file_name.startswith("/") or ".." in row.file_name.split("/"):
            return row
        parent, _, base = posixpath.normpath(row.file_name).rpartition("/")
        for told in (parent, self._resolved(parent)):
            for folder in map(Path.as_posix, self._folders):
                if f"{told}/".startswith(f"{folder}/"):
                    name = f"{told}/{base}".removeprefix(f"{folder}/")
                    file = split_segment(name)[0]
                    inside = folder == self._root.as_posix()
                    return replace(row, file_name=name, path=file if inside else f"{folder}/{file}")
        return row

    def fault(self, name: str, path: str) -> str | None:
        """The rule that a file name, or the path that it means, breaks; None where none.

        Args:
            name: As it is listed.
            path: Relative to the corpus folder, or absolute.
        """
        parent, _, base = path.rpartition("/")
        if not base:
            return "a file name must not be empty"
        if CONTROL.search(name):
            return "a file name must not hold control characters"
        if name.startswith("/") or "\\" in name or name[1:2] == ":":
            return "a file name must be relative, with forward slashes"
        if ".." in name.split("/"):
            return "a file name must not climb out of the corpus folder"
        listing = self._list(parent)
        if isinstance(listing, str):
            return listing
        is_link = listing.get(base)
        if is_link is None:
            return NO_FILE
        return LINKS_OUT if is_link and not self._inside(self._root / path) else None

    def hint(self, path: str, fault: str) -> str:
        """How to mend a fault, to stand behind the name; empty where nobody knows."""
        if fault == LINKS_OUT:
            return (
                "; a folder outside that may be read is named by `audio:` in study.yaml, or --audio"
            )
        if fault != NO_FILE or not self._hints:
            return ""
        self._hints -= 1
        near = self._nearest(path)
        return "" if near is None else f", where there is {near!r}"

    def _nearest(self, path: str) -> str | None:
        """The one path there that differs in case, Unicode form or ending alone."""
        at, own = self._root, Path(path)
        for part in own.parts:
            if not os.path.exists(at / part):  # noqa: PTH110 (false for a name that cannot be)
                near = nearest_name(part, os.listdir(at)) if self._inside(at) else None  # noqa: PTH208
                if near is None:
                    return None
                part = near
            at /= part
        return (at if own.is_absolute() else at.relative_to(self._root)).as_posix()

    def _list(self, parent: str) -> dict[str, bool] | str:
        if parent not in self._lists:
            self._lists[parent] = self._read(self._root / parent)
        return self._lists[parent]

    def _read(self, folder: Path) -> dict[str, bool] | str:
        """Files of a folder and whether they are links; or the rule that it breaks."""
        if not self._inside(folder):
            return LINKS_OUT
        try:
            with os.scandir(folder) as entries:
                return {entry.name: entry.is_symlink() for entry in entries if entry.is_file()}
        except OSError:
            return NO_FILE

    def _inside(self, path: Path) -> bool:
        found = path.resolve()
        return any(found.is_relative_to(folder) for folder in self._folders)

    def _resolved(self, parent: str) -> str:
        if parent not in self._real:
            self._real[parent] = os.path.realpath(parent)
        return self._real[parent]

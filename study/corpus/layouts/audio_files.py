"""The audio files below a folder, and what there is to hear but is not taken."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from search_spaces.grammar.errors import InputError
from study.corpus.layouts.names import AUDIO, OTHER_AUDIO
from study.text import first_of

MOST_FILES = 1_000_000  # of any kind, with folders, below a corpus folder
HIDDEN = "names that begin with a dot are hidden"
OTHER_KIND = "this kind of audio cannot be read; convert it to WAV or FLAC"
CLOSED = "the folder may not be looked into"
# What tools keep in a corpus folder: copies of its clips in there are not clips.
_OF_TOOLS = frozenset(
    (".git", ".hg", ".svn", ".dvc", ".venv", ".cache", ".ipynb_checkpoints", "__pycache__",
     "__MACOSX")
)  # fmt: skip
_OF_MACOS = "._"  # begins a file that macOS keeps beside another one

LeftOut = Mapping[str, Sequence[str]]  # why -> files, and folders that were not looked into


class AudioFiles(NamedTuple):
    """What is below a folder, sorted; names are relative to it, with forward slashes."""

    names: list[str]  # audio files
    left_out: dict[str, list[str]]  # what may be meant as a clip, as `LeftOut`
    links_out: list[str]  # links to folders that lie elsewhere; they were not followed


class _Folder(NamedTuple):
    name: str  # relative to the first one
    real: str  # where it is
    above: frozenset[str]  # where the folders are that led to it
    hidden: bool  # by its name, or by one above


def find_audio(root: Path, *, anywhere: bool = False) -> AudioFiles:
    """Look through a folder, also where links lead.

    Args:
        root: The folder.
        anywhere: Follow links to folders outside of it, too.

    Raises:
        InputError: There is so much below it that it is hardly a corpus.
    """
    top = os.path.realpath(root)
    found = AudioFiles([], {}, [])
    shown: set[str] = set()  # folders that visible links lead to
    links: list[str] = []  # visible ones to files
    seen = 0
    waiting = deque([_Folder("", top, frozenset(), hidden=False)])  # hidden ones last
    while waiting:
        folder = waiting.popleft()
        entries = _entries(root / folder.name)
        if entries is None:
            found.left_out.setdefault(CLOSED, []).append(folder.name or ".")
            continue
        seen += len(entries)
        if seen > MOST_FILES and not folder.hidden:
            raise InputError(
                f"{root}: a corpus folder must hold at most {MOST_FILES:,} files and folders, got"
                " more; name the folder that the corpus alone lies in"
            )
        for entry in entries if seen <= MOST_FILES else ():
            name = f"{folder.name}/{entry.name}" if folder.name else entry.name
            hidden = folder.hidden or entry.name.startswith(".")
            is_link = entry.is_symlink()
            if not _is_folder(entry):
                if is_link and not hidden:
                    links.append(entry.path)
                _sort_in(found, name, hidden=hidden)
                continue
            real = os.path.realpath(entry.path) if is_link else f"{folder.real}/{entry.name}"
            above = folder.above | {folder.real}
            if entry.name in _OF_TOOLS or real in above or (hidden and real in shown):
                continue
            if is_link and not anywhere and not Path(real).is_relative_to(top):
                found.links_out.append(name)
                continue
            if is_link and not hidden:
                shown.add(real)
            below = _Folder(name, real, above, hidden)
            waiting.append(below) if hidden else waiting.appendleft(below)
    if HIDDEN in found.left_out:
        targets = {os.path.realpath(link) for link in links}
        kept = [n for n in found.left_out[HIDDEN] if os.path.realpath(root / n) not in targets]
        found.left_out[HIDDEN] = kept
    left_out = {why: sorted(names) for why, names in sorted(found.left_out.items()) if names}
    return AudioFiles(sorted(found.names), left_out, sorted(found.links_out))


def _sort_in(found: AudioFiles, name: str, *, hidden: bool) -> None:
    ending = os.path.splitext(name)[1].lower()  # noqa: PTH122 (36,000 of them)
    if name.rpartition("/")[2].startswith(_OF_MACOS) or ending not in AUDIO | OTHER_AUDIO:
        return
    if hidden:
        found.left_out.setdefault(HIDDEN, []).append(name)
    elif ending in AUDIO:
        found.names.append(name)
    else:
        found.left_out.setdefault(OTHER_KIND, []).append(name)


def _entries(folder: Path) -> list[os.DirEntry[str]] | None:
    """What is in a folder; None where that may not be seen."""
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError:
        return None


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def left_out_lines(left_out: LeftOut) -> list[str]:
    """One sentence per reason.

    >>> left_out_lines({"convert it to WAV or FLAC": ["a.m4a", "b.m4a"]})
    ['left out a.m4a, b.m4a (2 in all): convert it to WAV or FLAC']
    """
    return [
        f"left out {first_of(names, 3)} ({len(names):,} in all): {why}"
        for why, names in left_out.items()
    ]

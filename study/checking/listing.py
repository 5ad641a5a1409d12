"""What a corpus lists, also where it is broken: the label files' rows and what is wrong with them.

The rules are those of `read_corpus`; here they are noted by kind instead of ending in an error.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from study.checking.findings import KINDS, Finding, found
from study.corpus.corpus import Listing, Reading, list_rows
from study.corpus.layouts import Problems, Row
from study.corpus.layouts.audio_files import find_audio
from study.corpus.layouts.names import PARTITION_RULE, PARTITIONS, Partition, known_partition
from study.corpus.layouts.problems import LINKS_OUT, place
from study.corpus.rules import LISTED_RULE, to_classes, to_clips

_KIND_OF = {  # of the rules of study.corpus.corpus and study.corpus.rules
    "a clip must be listed once": "listed twice",
    "a listed clip must be a file on disk": "missing",
    "a file name must not be empty": "missing",
    "a file name must be relative, with forward slashes": "outside",
    "a file name must not climb out of the corpus folder": "outside",
    LINKS_OUT: "outside",
    PARTITION_RULE: "no partition",
    LISTED_RULE: "no partition",
    "a clip of train or devel must have a label": "unlabelled",
    "a class of devel must be in train too": "unknown label",
}


class Listed(NamedTuple):
    """What is listed."""

    listing: Listing
    partition: tuple[int, ...]  # of each row, a position in `PARTITIONS`, -1 where there is none
    closed: frozenset[str]  # names of clips whose file is not there or must not be opened
    findings: list[Finding]  # what is wrong


class _Noted(Problems):
    """Problems that are kept one by one."""

    def __init__(self) -> None:
        super().__init__()
        self.cases: list[tuple[str, str, str]] = []  # rule, value, its place and how to mend it

    def add(self, file: str, line: int | None, rule: str, value: object, *, hint: str = "") -> None:
        super().add(file, line, rule, value, hint=hint)
        self.cases.append((rule, str(value), place(file, line) + hint))


def read_listing(reading: Reading) -> Listed:
    """Read what a corpus lists and note all that is wrong with it; audio is not opened.

    Raises:
        InputError: There is nothing that could be checked: no corpus, no layout, no clip.
    """
    noted = _Noted()
    listing, partitions = list_rows(reading, noted)
    rows, root = listing.rows, listing.root
    if not rows:
        noted.check(root)
    names = {repr(row.file_name): row.file_name for row in rows}
    closed = frozenset(names[value] for _, value, _ in noted.cases if value in names)
    clips = to_clips(rows, root, partitions, noted)
    if clips:
        to_classes(clips, rows[0].file, noted)
    left_out = [f"{name} ({why})" for why, names in listing.left_out.items() for name in names]
    unlisted = _unlisted(listing, reading.audio)
    findings = _findings(noted) + found("unlisted", unlisted) + found("left out", left_out)
    return Listed(listing, tuple(_partition(row, partitions) for row in rows), closed, findings)


def _unlisted(listing: Listing, audio: Path | None) -> list[str]:
    """Audio that no row names; of a folder elsewhere, which may hold more, only beside clips."""
    known = {row.path for row in listing.rows}.union(*listing.left_out.values())
    if audio is None:
        return [name for name in find_audio(listing.root).names if name not in known]
    folder = audio.resolve()
    parents = {posixpath.dirname(path) for path in known}
    real = {parent: (listing.root / parent).resolve() for parent in parents}
    heard = {real[posixpath.dirname(path)] / posixpath.basename(path) for path in known}
    names = [folder / name for name in find_audio(folder).names]
    return [str(path) for path in names if path.parent in real.values() and path not in heard]


def _partition(row: Row, partitions: Mapping[str, Partition] | None) -> int:
    own = known_partition(row.partition or "")
    name = own if partitions is None else partitions.get(row.file_name)
    return -1 if name is None else PARTITIONS.index(name)


def _findings(noted: _Noted) -> list[Finding]:
    """Cases by kind, in the order of ``KINDS``."""
    kinds: dict[str, list[str]] = {}
    for rule, value, where in noted.cases:
        kind = _KIND_OF.get(rule, "label file")
        case = f"{where}: {rule}, got {value}" if kind == "label file" else f"{value} ({where})"
        kinds.setdefault(kind, []).append(case)
    return [one for kind in KINDS if kind in kinds for one in found(kind, kinds[kind])]

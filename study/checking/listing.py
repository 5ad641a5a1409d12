"""What a corpus lists, also where it is broken: the label files' rows and what is wrong with them.

The rules are those of `read_corpus`; here they are noted by kind instead of ending in an error.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from search_spaces.grammar.errors import InputError
from study.checking.findings import KINDS, Finding, found
from study.corpus.corpus import list_rows
from study.corpus.layouts import Problems, Row
from study.corpus.layouts.folders import list_audio
from study.corpus.layouts.names import PARTITIONS, Partition, known_partition
from study.corpus.partition_file import read_partitions
from study.corpus.rules import to_classes, to_clips

__all__ = ["Listed", "Reading", "read_listing"]

_KIND_OF = {  # of the rules of study.corpus.corpus and study.corpus.rules
    "a clip must be listed once": "listed twice",
    "a listed clip must be a file on disk": "missing",
    "a file name must not be empty": "missing",
    "a file name must be relative, with forward slashes": "outside",
    "a file name must not climb out of the corpus folder": "outside",
    "a file must not link out of the corpus folder": "outside",
    "the partition must be train, devel (dev, val, validation) or test": "no partition",
    "a clip must have a partition in the file that `partitions:` names": "no partition",
    "a clip of train or devel must have a label": "unlabelled",
    "a class of devel must be in train too": "unknown label",
}


class Reading(NamedTuple):
    """How a corpus is read; see `study.corpus.corpus.read_corpus`."""

    corpus: Path
    layout: str | None = None
    partitions: Path | None = None
    label_column: str | None = None
    base: Path | None = None


class Listed(NamedTuple):
    """What is listed."""

    name: str  # of the corpus
    root: Path  # the corpus folder
    layout: str  # of `study.corpus.layouts.LAYOUTS`
    info: dict[str, Any]  # all of `corpus.json`
    rows: tuple[Row, ...]  # one per clip
    partition: tuple[int, ...]  # of each row, a position in `PARTITIONS`, -1 where there is none
    closed: frozenset[str]  # names of clips whose file is not there or must not be opened
    findings: list[Finding]  # what is wrong


class _Noted(Problems):
    """Problems that are kept one by one."""

    def __init__(self) -> None:
        super().__init__()
        self.cases: list[tuple[str, str, str]] = []  # rule, value, both with their place

    def add(self, file: str, line: int | None, rule: str, value: object) -> None:
        super().add(file, line, rule, value)
        place = file if line is None else f"{file} line {line}"
        self.cases.append((rule, str(value), place))


def read_listing(reading: Reading) -> Listed:
    """Read what a corpus lists and note all that is wrong with it; audio is not opened.

    Raises:
        InputError: There is nothing that could be checked: no corpus, no layout, no clip.
    """
    noted = _Noted()
    listing = list_rows(reading.corpus, reading.layout, reading.label_column, reading.base, noted)
    if not listing.rows:
        raise InputError([f"{listing.root}: {told}" for told in noted.sentences()])
    names = {repr(row.file_name): row.file_name for row in listing.rows}
    closed = frozenset(names[value] for _, value, _ in noted.cases if value in names)
    given: Mapping[str, Partition] | None = None
    if reading.partitions is not None:
        given = read_partitions(reading.partitions, [row.file_name for row in listing.rows])
    clips = to_clips(listing.rows, listing.root, given, noted)
    if clips:
        to_classes(clips, listing.rows[0].file, noted)
    return Listed(
        name=str(listing.name),
        root=listing.root,
        layout=listing.layout,
        info=listing.info,
        rows=listing.rows,
        partition=tuple(_partition(row, given) for row in listing.rows),
        closed=closed,
        findings=_findings(noted) + found("unlisted", _unlisted(listing.root, listing.rows)),
    )


def _partition(row: Row, given: Mapping[str, Partition] | None) -> int:
    name = known_partition(row.partition or "") if given is None else given.get(row.file_name)
    return -1 if name is None else PARTITIONS.index(name)


def _findings(noted: _Noted) -> list[Finding]:
    """Cases by kind, in the order of ``KINDS``."""
    kinds: dict[str, list[str]] = {}
    for rule, value, place in noted.cases:
        kind = _KIND_OF.get(rule, "label file")
        said = f"{place}: {rule}, got {value}" if kind == "label file" else f"{value} ({place})"
        kinds.setdefault(kind, []).append(said)
    return [one for kind in KINDS if kind in kinds for one in found(kind, kinds[kind])]


def _unlisted(root: Path, rows: tuple[Row, ...]) -> list[str]:
    listed = {row.path for row in rows}
    return [name for name in list_audio(root) if name not in listed]

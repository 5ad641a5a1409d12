"""What rows of label files must be to make a corpus, validated alike for every layout."""

from __future__ import annotations

import posixpath
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from study.corpus.clip import Clip
from study.corpus.disk import CONTROL, Disk
from study.corpus.layouts import Problems, Row
from study.corpus.layouts.names import PARTITION_RULE, PARTITIONS, Partition, known_partition
from study.corpus.layouts.problems import place
from study.corpus.spelling import alike_names, same_names, seen

MAX_TEXT = 200  # characters of a label or a speaker: they become columns, names and axes
LISTED_RULE = "a clip must have a partition in the file that `partitions:` names"


def listed_once(rows: Sequence[Row], folders: Sequence[Path], problems: Problems) -> list[Row]:
    """Rows without those of a clip listed before; says what is not a file inside the corpus.

    A speaker in two spellings is refused here, since partitions and folds are made by speaker.

    Args:
        rows: As a layout read them.
        folders: The corpus folder, and that of its audio where that is another.
        problems: Takes what is wrong.
    """
    disk = Disk(folders)
    first: dict[str, str] = {}
    kept = []
    for given in rows:
        row = disk.relative(given)
        where = (row.file, row.line)
        name = posixpath.normpath(row.file_name)  # ./a.wav is a.wav
        if name in first:
            rule = "a clip must be listed once"
            problems.add(*where, rule, f"{row.file_name!r} again after {first[name]}")
            continue
        first[name] = place(*where)
        if (fault := disk.fault(row.file_name, row.path)) is not None:
            problems.add(*where, fault, repr(row.file_name), hint=disk.hint(row.path, fault))
        for what, text in (("label", row.label or ""), ("speaker", row.speaker or "")):
            if CONTROL.search(text):
                problems.add(*where, f"a {what} must not hold control characters", repr(text))
            if len(text) > MAX_TEXT:
                rule = f"a {what} must have at most {MAX_TEXT} characters"
                problems.add(*where, rule, f"{len(text):,}, {text[:20]!r} first")
            if text.strip() and not seen(text):
                problems.add(*where, f"a {what} must be text that can be seen", ascii(text))
        kept.append(row)
    speakers = Counter(row.speaker for row in kept if row.speaker is not None)
    _spelt_once("speakers", speakers, rows[0].file if rows else "", problems)
    return kept


def to_clips(
    rows: Sequence[Row], root: Path, given: Mapping[str, Partition] | None, problems: Problems
) -> list[Clip]:
    """Clips with their partitions; says where a partition or a label is missing.

    Args:
        rows: From :func:`listed_once`.
        root: The corpus folder.
        given: Partition by file name, in place of the layout's own.
        problems: Takes what is wrong.
    """
    if given is None and rows and all(row.partition is None for row in rows):
        rule = (
            "clips must have a partition; `spectune partition` makes partitions by speaker and"
            " writes them down for the key `partitions:` of study.yaml"
        )
        problems.add(rows[0].file, None, rule, "none for any clip")
        return []
    clips = []
    for row in rows:
        where = (row.file, row.line)
        partition = (
            known_partition(row.partition or "") if given is None else given.get(row.file_name)
        )
        if partition is None:
            value = "none" if given is not None else repr(row.partition)
            rule = PARTITION_RULE if given is None else LISTED_RULE
            problems.add(*where, rule, f"{value} for {row.file_name!r}")
            continue
        label = None if partition == "test" else row.label
        if partition != "test" and not (label or "").strip():
            rule = "a clip of train or devel must have a label"
            value = "'?'" if label is None else repr(label)
            problems.add(*where, rule, f"{value} for {row.file_name!r}")
            continue
        path = root / row.path
        clip = Clip(
            row.file_name, path, label, partition, row.speaker, row.start, row.end, row.metadata
        )
        clips.append(clip)
    return clips


def to_classes(clips: Sequence[Clip], file: str, problems: Problems) -> tuple[str, ...]:
    """Classes of train, sorted by code point; says what a study cannot be run on."""
    of = {
        name: Counter(clip.label for clip in clips if clip.partition == name and clip.label)
        for name in PARTITIONS
    }
    for name in ("train", "devel"):
        if not of[name]:
            problems.add(file, None, f"there must be {name} clips with labels", "none")
    classes = tuple(sorted(label for label in of["train"] if label is not None))
    if len(classes) == 1:
        problems.add(file, None, "train must have at least 2 classes", repr(classes[0]))
    if classes:
        for label in sorted(set(of["devel"]) - set(classes), key=str):
            value = f"{label!r} on {of['devel'][label]:,} clips"
            groups = alike_names([label, *classes])
            if alike := [name for group in groups if label in group for name in group]:
                value += f": {' and '.join(map(ascii, alike))} are nearly the same"
            problems.add(file, None, "a class of devel must be in train too", value)
    _spelt_once("labels", of["train"], file, problems)
    return classes


def _spelt_once(what: str, clips: Mapping[str, int], file: str, problems: Problems) -> None:
    """Say which of the names are one name in two spellings, with their numbers of clips."""
    for one, other, how in same_names(clips, numbers=what == "speakers"):
        value = f"{one!a} and {other!a} on {clips[one]:,} and {clips[other]:,} clips"
        problems.add(file, None, f"{what} must differ in more than {how}", value)

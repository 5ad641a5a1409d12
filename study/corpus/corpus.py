"""What a corpus is: clips with labels, partitions and speakers, read and validated at once."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from search_spaces.grammar.bounded_file import read_bounded
from search_spaces.grammar.errors import InputError
from study.corpus.clip import Clip
from study.corpus.layouts import Problems, Row, Source, choose_layout
from study.corpus.layouts.audio_files import LeftOut
from study.corpus.layouts.names import PARTITIONS, Partition
from study.corpus.partition_file import read_partitions
from study.corpus.rules import listed_once, to_classes, to_clips

MAX_INFO_BYTES = 10_000_000  # of corpus.json


@dataclass(frozen=True)
class Corpus:
    """Clips in the order of the label file."""

    name: str  # from `corpus.json`, or the folder's name
    root: Path  # the corpus folder, absolute
    clips: tuple[Clip, ...]  # all partitions
    classes: tuple[str, ...]  # sorted by code point; position is the class index everywhere
    # the name of the row in `study.corpus.layouts.LAYOUTS` that read it, or `FILE.py:FUNCTION`
    layout: str
    simulated: bool  # True where `corpus.json` says that the audio was made, not recorded
    info: dict[str, Any] = field(default_factory=dict, hash=False)  # all of `corpus.json`
    left_out: LeftOut = field(default_factory=dict, hash=False)  # what lies there and is no clip

    def partition(self, name: str) -> tuple[Clip, ...]:
        """The clips of one partition, in the order of the label file.

        Raises:
            ValueError: There is no such partition.
        """
        if name not in PARTITIONS:
            raise ValueError(f"partition must be one of {', '.join(PARTITIONS)}, got {name!r}")
        return tuple(clip for clip in self.clips if clip.partition == name)


@dataclass(frozen=True)
class Listing:
    """A corpus before it has partitions: what its label files list, all of it on disk."""

    name: str
    root: Path
    rows: tuple[Row, ...]  # one per clip
    layout: str
    info: dict[str, Any] = field(default_factory=dict, hash=False)
    left_out: LeftOut = field(default_factory=dict, hash=False)


class Reading(NamedTuple):
    """How a corpus is read; see :func:`read_corpus`."""

    corpus: Path
    layout: str | None = None
    partitions: Path | None = None
    label_column: str | None = None
    base: Path | None = None
    audio: Path | None = None


def read_corpus(
    corpus: Path,
    *,
    layout: str | None = None,
    partitions: Path | None = None,
    label_column: str | None = None,
    base: Path | None = None,
    audio: Path | None = None,
) -> Corpus:
    """Read a corpus and validate it; audio is not opened.

    Args:
        corpus: A folder in a layout of ``study.corpus.layouts.LAYOUTS``, or a manifest CSV.
        layout: Of ``LAYOUTS``, or ``FILE.py:FUNCTION`` (see ``layouts.own_code``); None to look.
        partitions: A CSV ``file_name,partition`` that replaces the corpus's own partitions.
        label_column: The column of manifest or database that is the label, where not ``label``.
        base: Folder that FILE is relative to; the current one when None.
        audio: Folder of the files that the label files name, in place of the corpus folder or its
            `wav/`; links of the corpus may lead into it.

    Raises:
        InputError: With everything that is wrong, one sentence each, or one per kind where many
            are alike.
    """
    problems = Problems()
    reading = Reading(corpus, layout, partitions, label_column, base, audio)
    listing, own = list_rows(reading, problems)
    return _validate(listing, own, problems)


def divide(listing: Listing, partitions: Mapping[str, Partition]) -> Corpus:
    """Make a corpus of what is listed, with partitions by file name in place of its own.

    Raises:
        InputError: As :func:`read_corpus`.
    """
    return _validate(listing, partitions, Problems())


def list_corpus(
    corpus: Path,
    *,
    layout: str | None = None,
    label_column: str | None = None,
    base: Path | None = None,
    audio: Path | None = None,
) -> Listing:
    """Read what a corpus lists, whether it has partitions or not; as :func:`read_corpus`.

    Raises:
        InputError: As :func:`read_corpus`, but for what partitions and classes must be.
    """
    problems = Problems()
    listing, _ = list_rows(Reading(corpus, layout, None, label_column, base, audio), problems)
    problems.check(listing.root)
    return listing


def list_rows(reading: Reading, problems: Problems) -> tuple[Listing, dict[str, Partition] | None]:
    """Return what a corpus lists, and the partitions that replace its own, by file name.

    What is wrong goes to ``problems``; what is right comes back.

    Raises:
        InputError: There is no corpus of a known layout at all, or the partitions are wrong.
    """
    corpus = reading.corpus
    is_file = corpus.is_file() and corpus.suffix.lower() == ".csv"
    if not is_file and not corpus.is_dir():
        raise InputError(f"{corpus}: a corpus must be a folder that exists, or a manifest CSV")
    root = (corpus.parent if is_file else corpus).resolve()
    audio = None if reading.audio is None else reading.audio.resolve()
    if audio is not None and not audio.is_dir():
        raise InputError(f"audio: must be a folder that exists, got {str(reading.audio)!r}")
    source = Source(root, corpus.name if is_file else None, reading.label_column, audio)
    chosen = choose_layout(source, reading.layout, base=reading.base or Path.cwd())
    info = _read_info(root, problems)
    rows = listed_once(chosen.read(source, problems), [root, *filter(None, [audio])], problems)
    if not rows and not len(problems):
        problems.add("corpus", None, "the label files must list clips", "none")
    name = info.get("name", corpus.stem if is_file else root.name)
    partitions = None
    if reading.partitions is not None and rows:
        partitions = read_partitions(reading.partitions, [row.file_name for row in rows])
    left_out = chosen.left_out(source)
    return Listing(name, root, tuple(rows), chosen.name, info, left_out), partitions


def _validate(
    listing: Listing, partitions: Mapping[str, Partition] | None, problems: Problems
) -> Corpus:
    clips = to_clips(listing.rows, listing.root, partitions, problems)
    classes = to_classes(clips, listing.rows[0].file, problems) if clips else ()
    problems.check(listing.root)
    info = listing.info
    about = (listing.layout, info.get("simulated", False), info, listing.left_out)
    return Corpus(listing.name, listing.root, tuple(clips), classes, *about)


def _read_info(root: Path, problems: Problems) -> dict[str, Any]:
    path = root / "corpus.json"
    if not path.exists():
        return {}
    try:
        info = json.loads(read_bounded(path, MAX_INFO_BYTES).decode("utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        problems.add("corpus.json", None, "must be a JSON object", str(error).partition(";")[0])
        return {}
    if not isinstance(info, dict):
        problems.add("corpus.json", None, "must be a JSON object", repr(info))
        return {}
    if not isinstance(info.get("simulated", False), bool):
        problems.add("corpus.json", None, "simulated must be true or false", info["simulated"])
    name = info.get("name", root.name)
    if not isinstance(name, str) or not name.strip() or not name.isprintable():
        problems.add("corpus.json", None, "name must be text on one line", repr(name))
    return info

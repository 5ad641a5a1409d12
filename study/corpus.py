"""What a corpus is: clips with labels, partitions and speakers, read and judged at once."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from search_spaces.errors import InputError
from study.layouts import LAYOUTS, Problems, Row, find_layout

__all__ = ["PARTITIONS", "Clip", "Corpus", "Partition", "read_corpus"]

Partition = Literal["train", "devel", "test"]
PARTITIONS: tuple[Partition, ...] = ("train", "devel", "test")
_ALIASES = {"dev": "devel", "val": "devel", "validation": "devel"}


@dataclass(frozen=True)
class Clip:
    """One recording.

    Attributes:
        file_name: As written in the label file; what predictions are written under.
        path: The audio file.
        label: The class as text; None for every test clip, even where a label is on disk.
        partition: ``train``, ``devel`` or ``test``.
        speaker: None where not known.
    """

    file_name: str
    path: Path
    label: str | None
    partition: Partition
    speaker: str | None


@dataclass(frozen=True)
class Corpus:
    """Clips in the order of the label file.

    Attributes:
        name: From ``corpus.json``, or the folder's name.
        root: The corpus folder, absolute.
        clips: All partitions.
        classes: Sorted by code point; position is the class index everywhere.
        layout: The name of the row in ``study.layouts.LAYOUTS`` that read it.
        simulated: True where ``corpus.json`` says that the audio was made, not recorded.
        info: All of ``corpus.json``.
    """

    name: str
    root: Path
    clips: tuple[Clip, ...]
    classes: tuple[str, ...]
    layout: str
    simulated: bool
    info: dict[str, Any] = field(default_factory=dict, hash=False)

    def partition(self, name: str) -> tuple[Clip, ...]:
        """The clips of one partition, in the order of the label file.

        Raises:
            ValueError: There is no such partition.
        """
        if name not in PARTITIONS:
            raise ValueError(f"partition must be one of {', '.join(PARTITIONS)}, got {name!r}")
        return tuple(clip for clip in self.clips if clip.partition == name)

    def summary(self, durations: Sequence[float] | None = None) -> str:
        """About ten lines for a person.

        Args:
            durations: Seconds per clip in the order of ``clips``, once they are known.
        """
        chance = 1 / len(self.classes)
        lines = [f"corpus {self.name} ({self.layout}), {len(self.clips):,} clips, {self.root}"]
        if self.simulated:
            lines.append("SIMULATED audio: no figure of it may stand beside one of real recordings")
        if self.info.get("licence") is not None:
            lines.append(f"licence {self.info['licence']}")
        lines.append(
            f"{_shown(self.classes)}: {len(self.classes)} classes, chance {chance:.1%} UAR"
        )
        seconds = None if durations is None else np.asarray(durations, np.float64)
        for name in PARTITIONS:
            here = np.array([clip.partition == name for clip in self.clips])
            if here.any():
                part = None if seconds is None else seconds[here]
                lines.append(self._partition_line(name, part))
        shared = _shared_speakers(self.clips)
        if shared:
            lines.append(f"speakers in more than one partition: {_shown(shared)}")
        return "\n".join(lines)

    def _partition_line(self, name: str, seconds: np.ndarray[Any, Any] | None) -> str:
        clips = self.partition(name)
        speakers = {clip.speaker for clip in clips if clip.speaker is not None}
        said = [f"{name:<5} {len(clips):>7,} clips"]
        said.append(_plural(len(speakers), "speaker") if speakers else "speakers not known")
        if name == "test":
            said.append("labels blind")
        else:
            counts = Counter(clip.label for clip in clips)
            said.append(_shown([f"{label} {counts[label]:,}" for label in self.classes]))
        if seconds is not None:
            low, mid, high = np.quantile(seconds, (0, 0.5, 1))
            said.append(f"{low:.2f} to {high:.2f} s, median {mid:.2f} s")
            said.append(f"{seconds.sum() / 3600:.2f} h")
        return ", ".join(said)


def read_corpus(root: Path) -> Corpus:
    """Read a corpus folder and judge it; audio is not opened.

    Args:
        root: A folder in one of the layouts of ``study.layouts.LAYOUTS``.

    Raises:
        InputError: With everything that is wrong, one sentence each, or one per kind where many
            are alike.
    """
    if not root.is_dir():
        raise InputError(f"{root}: a corpus must be a folder that exists")
    root = root.resolve()
    layout = find_layout(root)
    if layout is None:
        known = "; ".join(f"{known.shape} ({known.name})" for known in LAYOUTS)
        raise InputError(f"{root}: a corpus must have one of the known layouts: {known}")
    problems = Problems()
    info = _read_info(root, problems)
    rows = layout.read(root, problems)
    clips = _judge_rows(rows, root, problems)
    classes = _judge_classes(rows, clips, problems) if clips else ()
    if not rows and not len(problems):
        problems.add("corpus", None, "the label files must list clips", "none")
    if len(problems):
        raise InputError([f"{root}: {sentence}" for sentence in problems.sentences()])
    return Corpus(
        name=info.get("name", root.name),
        root=root,
        clips=tuple(clips),
        classes=classes,
        layout=layout.name,
        simulated=info.get("simulated", False),
        info=info,
    )


def _read_info(root: Path, problems: Problems) -> dict[str, Any]:
    path = root / "corpus.json"
    if not path.exists():
        return {}
    try:
        info = json.loads(path.read_text("utf-8-sig"))
    except (OSError, ValueError) as error:
        problems.add("corpus.json", None, "must be a JSON object", error)
        return {}
    if not isinstance(info, dict):
        problems.add("corpus.json", None, "must be a JSON object", repr(info))
        return {}
    if not isinstance(info.get("simulated", False), bool):
        problems.add("corpus.json", None, "simulated must be true or false", info["simulated"])
    name = info.get("name", root.name)
    if not isinstance(name, str) or not name.strip():
        problems.add("corpus.json", None, "name must be text", repr(name))
    return info


def _judge_rows(rows: list[Row], root: Path, problems: Problems) -> list[Clip]:
    disk = _Disk(root)
    first_line: dict[str, tuple[str, int]] = {}
    clips = []
    for row in rows:
        where = (row.file, row.line)
        if row.file_name in first_line:
            other = "{} line {}".format(*first_line[row.file_name])
            rule = "a clip must be listed once"
            problems.add(*where, rule, f"{row.file_name!r} again after {other}")
            continue
        first_line[row.file_name] = where
        if (fault := disk.fault(row.file_name, row.path)) is not None:
            problems.add(*where, fault, repr(row.file_name))
        lower = row.partition.lower()
        partition = _ALIASES.get(lower, lower)
        if partition not in PARTITIONS:
            rule = "the partition must be train, devel (dev, val, validation) or test"
            problems.add(*where, rule, f"{row.partition!r} for {row.file_name!r}")
            continue
        label = None if partition == "test" else row.label
        if partition != "test" and not (label or "").strip():
            rule = "a clip of train or devel must have a label"
            value = "'?'" if label is None else repr(label)
            problems.add(*where, rule, f"{value} for {row.file_name!r}")
            continue
        clips.append(Clip(row.file_name, root / row.path, label, partition, row.speaker))
    return clips


def _judge_classes(rows: list[Row], clips: list[Clip], problems: Problems) -> tuple[str, ...]:
    """Classes of train, sorted by code point; says what a study cannot be run on."""
    file = rows[0].file
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
            problems.add(file, None, "a class of devel must be in train too", value)
    bare: dict[str, str] = {}
    for label in classes:
        if bare.setdefault(label.strip(), label) != label:
            value = f"{bare[label.strip()]!r} and {label!r}"
            problems.add(file, None, "labels must differ in more than white space", value)
    return classes


class _Disk:
    """Whether paths are regular files inside the corpus; lists every folder once."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._folders: dict[str, dict[str, bool] | str] = {}

    def fault(self, name: str, path: str) -> str | None:
        """The rule that a file name, or the corpus-relative path it means, breaks; or None."""
        if not name or name.endswith("/"):
            return "a file name must not be empty"
        if name.startswith("/") or "\\" in name or name[1:2] == ":" or "\0" in name:
            return "a file name must be relative, with forward slashes"
        if ".." in name.split("/"):
            return "a file name must not climb out of the corpus folder"
        parent, _, base = path.rpartition("/")
        listing = self._folders.get(parent)
        if listing is None:
            listing = self._folders[parent] = self._list(parent)
        if isinstance(listing, str):
            return listing
        is_link = listing.get(base)
        if is_link is None:
            return "a listed clip must be a file on disk"
        if is_link and not (self._root / path).resolve().is_relative_to(self._root):
            return _LINKS_OUT
        return None

    def _list(self, parent: str) -> dict[str, bool] | str:
        folder = self._root / parent
        if not folder.resolve().is_relative_to(self._root):
            return _LINKS_OUT
        try:
            with os.scandir(folder) as entries:
                return {entry.name: entry.is_symlink() for entry in entries if entry.is_file()}
        except OSError:
            return "a listed clip must be a file on disk"


_LINKS_OUT = "a file must not link out of the corpus folder"


def _plural(n: int, what: str) -> str:
    return f"{n:,} {what}" + ("" if n == 1 else "s")


def _shown(items: Sequence[str], most: int = 12) -> str:
    more = f" and {len(items) - most} more" if len(items) > most else ""
    return ", ".join(items[:most]) + more


def _shared_speakers(clips: Sequence[Clip]) -> list[str]:
    pairs = {(clip.speaker, clip.partition) for clip in clips if clip.speaker is not None}
    counts = Counter(speaker for speaker, _ in pairs)
    return sorted(speaker for speaker, n in counts.items() if n > 1)

"""`clips.json` read back: the classes and clips that every probability array is in the order of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from search_spaces.grammar.errors import InputError
from study.files import mapping, read_object

PROTOCOLS = ("holdout", "kfold", "loso")


@dataclass(frozen=True)
class ClipRow:
    """One row of `clips.json`."""

    file_name: str
    audio_sha256: str
    label: str | None  # None where blind
    speaker: str | None  # None where unknown


@dataclass(frozen=True)
class PartitionRows:
    """The clips of `train`, `devel` or `test` in the order of every probability array."""

    digest: str
    clips: tuple[ClipRow, ...]


@dataclass(frozen=True)
class ClipsFile:
    """The content of `clips.json`; nothing where a study has only begun to be written."""

    path: Path
    classes: tuple[str, ...] = ()
    corpus: Mapping[str, Any] = field(default_factory=dict)
    protocol: str = "holdout"
    folds: tuple[int, ...] = ()  # of each devel clip in a cross-validation
    partitions: Mapping[str, PartitionRows] = field(default_factory=dict)

    def check_used(self) -> None:
        """Check that there is what trials are made of.

        Raises:
            InputError: The file, the classes or the devel clips are missing.
        """
        if not self.path.exists():
            raise InputError(f"{self.path}: must be there, since there are trials")
        if not self.classes or "devel" not in self.partitions:
            names = ", ".join(self.partitions) or "none"
            raise InputError(
                f"{self.path}: must have classes and a devel partition, since there are trials, got"
                f" {len(self.classes)} classes and the partitions {names}"
            )

    def check_identity(self, identity: Mapping[str, Any], source: Path) -> None:
        """Check that probabilities belong to these classes and clips, in this order.

        Args:
            identity: As stored beside the probabilities; what it does not have is not checked.
            source: The file that it was stored in.

        Raises:
            InputError: They belong to others.
        """
        classes = identity.get("classes", list(self.classes))
        if classes != list(self.classes):
            raise InputError(
                f"{self.path}: classes must be those of {source}, {classes!r:.200}, got"
                f" {list(self.classes)!r:.200}"
            )
        for name, stored in mapping(identity.get("partitions")).items():
            here, digest = self.partitions.get(name), mapping(stored).get("digest")
            if here is not None and digest not in (None, here.digest):
                raise InputError(
                    f"{self.path}: the digest of {name} must be that of {source}, {digest!r:.80},"
                    f" got {here.digest!r:.80}"
                )


def read_clips(path: Path) -> ClipsFile:
    """Read `clips.json`; an empty one where it is not there yet.

    Raises:
        InputError: The file is damaged.
    """
    if not path.exists():
        return ClipsFile(path)
    plain = read_object(path)
    classes = plain.get("classes", [])
    if not isinstance(classes, list) or not all(isinstance(label, str) for label in classes):
        raise InputError(f"{path}: classes must be a list of texts, got {classes!r:.80}")
    if len(set(classes)) != len(classes):
        raise InputError(f"{path}: classes must be different ones, got {classes!r:.80}")
    partitions = {
        name: _partition(path, name, part, frozenset(classes))
        for name, part in mapping(plain.get("partitions")).items()
    }
    folds = plain.get("folds", [])
    if not isinstance(folds, list) or not all(type(fold) is int and fold >= 0 for fold in folds):
        raise InputError(f"{path}: folds must be a list of whole numbers, got {folds!r:.80}")
    n_devel = len(partitions["devel"].clips) if "devel" in partitions else 0
    if folds and len(folds) != n_devel:
        raise InputError(f"{path}: folds must be one per devel clip, {n_devel}, got {len(folds)}")
    protocol = plain.get("protocol", "holdout")
    if protocol not in PROTOCOLS:
        raise InputError(
            f"{path}: protocol must be one of {', '.join(PROTOCOLS)}, got {protocol!r:.80}"
        )
    if (protocol == "holdout") == bool(folds) and (partitions or folds):
        rule = "must be empty under holdout" if folds else f"must be there under {protocol}"
        raise InputError(f"{path}: folds {rule}, got {len(folds)}")
    if folds and (len({*folds}) < 2 or max(folds) >= len(folds)):
        raise InputError(
            f"{path}: folds must be two or more, 0 first, got {sorted({*folds})!r:.80}"
        )
    return ClipsFile(
        path,
        tuple(classes),
        mapping(plain.get("corpus")),
        protocol,
        tuple(folds),
        partitions,
    )


def _partition(path: Path, name: str, part: Any, classes: frozenset[str]) -> PartitionRows:
    where, plain = f"{path}: {name}", mapping(part)
    digest, rows = plain.get("digest"), plain.get("clips")
    if not isinstance(digest, str) or not isinstance(rows, list):
        raise InputError(f"{where} must have a digest and a list of clips, got {part!r:.80}")
    for row in rows:
        if not isinstance(row, list) or len(row) != 4 or not _are_texts(row):
            rule = "a clip must be [file_name, audio_sha256, label or null, speaker or null]"
            raise InputError(f"{where}: {rule}, got {row!r:.80}")
        if row[2] is not None and row[2] not in classes:
            raise InputError(f"{where}: the label of a clip must be a class, got {row[2]!r:.80}")
    return PartitionRows(digest, tuple(ClipRow(*row) for row in rows))


def _are_texts(row: list[Any]) -> bool:
    name, digest, label, speaker = row
    optional = all(value is None or isinstance(value, str) for value in (label, speaker))
    return isinstance(name, str) and isinstance(digest, str) and optional

"""Probabilities carry their identity, and whatever joins two of them checks it first."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from runners.npy_files import load_array
from search_spaces.grammar.errors import InputError
from study.results.study_results import StudyResults

MAPPED_FROM = 2**26  # bytes; below it is read: a mapped file stays open, and a study has many
ROW_SUM_TOLERANCE = 0.02  # float16 rounds every entry to about 3 digits


@dataclass(frozen=True)
class PartitionIdentity:
    """Which clips, in which order: their digest (see `combine_digest`) and their number."""

    digest: str
    n: int


@dataclass(frozen=True)
class Identity:
    """What a set of probabilities is about.

    Speakers and labels are left out on purpose: they may arrive later without changing it.

    Args:
        classes: Class names in the order of the last axis.
        protocol: `holdout`, `kfold` or `loso`.
        fold: Number of the fold, 0 with `holdout`.
        seed: Seed of the trial; the one field in which joined probabilities may differ.
        partitions: Identity of the clips of every partition that was predicted.
    """

    classes: tuple[str, ...]
    protocol: str
    fold: int
    seed: int
    partitions: Mapping[str, PartitionIdentity] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Plain values for `result.json`.

        >>> devel = PartitionIdentity(digest="ab", n=3)
        >>> identity = Identity(("clear", "mask"), "holdout", 0, 7, {"devel": devel})
        >>> Identity.from_json(identity.to_json()) == identity
        True
        """
        return dataclasses.asdict(self) | {"classes": list(self.classes)}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Identity:
        """The inverse of `to_json`.

        Raises:
            InputError: When a field is missing or has another shape.
        """
        try:
            return cls(
                classes=tuple(str(name) for name in values["classes"]),
                protocol=str(values["protocol"]),
                fold=int(values["fold"]),
                seed=int(values["seed"]),
                partitions={
                    str(name): PartitionIdentity(str(part["digest"]), int(part["n"]))
                    for name, part in values["partitions"].items()
                },
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError(
                "An identity of probabilities needs classes, protocol, fold, seed and partitions, "
                f"got {values!r} ({type(error).__name__}: {error})."
            ) from error


def combine_digest(file_names: Sequence[str], audio_digests: Sequence[str]) -> str:
    """SHA-256 over the ordered pairs of file name and audio digest.

    Every string is preceded by its length in bytes, so no two lists share an encoding.

    >>> combine_digest(["a", "b"], ["1", "2"]) == combine_digest(["b", "a"], ["2", "1"])
    False

    Raises:
        ValueError: When the two sequences differ in length.
    """
    if len(file_names) != len(audio_digests):
        raise ValueError(
            "file_names and audio_digests must have the same length, "
            f"got {len(file_names)} and {len(audio_digests)}"
        )
    total = hashlib.sha256(f"{len(file_names)};".encode())
    for pair in zip(file_names, audio_digests, strict=True):
        for text in pair:
            encoded = text.encode("utf-8", errors="surrogateescape")
            total.update(f"{len(encoded)}:".encode() + encoded)
    return total.hexdigest()


def check_joinable(
    a: Identity, b: Identity, *, names: tuple[str, str] = ("the first", "the second")
) -> None:
    """Refuse to average or compare probabilities of different things; seeds may differ.

    Args:
        a: One identity.
        b: The other.
        names: What to call the two in the message, as in `("trial 3", "trial 7")`.

    Raises:
        InputError: One sentence per difference.
    """
    first, second = names
    problems: list[str] = []
    if a.classes != b.classes:
        problems.append(
            "Joined probabilities need the same classes in the same order: "
            f"{first} has {list(a.classes)}, {second} has {list(b.classes)}."
        )
    if a.protocol != b.protocol:
        problems.append(
            "Joined probabilities need the same protocol: "
            f"{first} has {a.protocol}, {second} has {b.protocol}."
        )
    for partition in sorted({*a.partitions, *b.partitions}):
        part_a, part_b = a.partitions.get(partition), b.partitions.get(partition)
        if part_a is None or part_b is None:
            lacking = first if part_a is None else second
            problems.append(f"No probabilities of {partition} in {lacking}.")
        elif part_a != part_b:
            problems.append(
                f"Joined probabilities need the same clips of {partition} in the same order: "
                f"{first} has {part_a.n} clips with digest {part_a.digest[:12]}, "
                f"{second} has {part_b.n} with digest {part_b.digest[:12]}."
            )
    if problems:
        raise InputError(problems)


def check_probabilities(values: NDArray[Any], *, source: str) -> None:
    """Check that the last axis of `values` holds probabilities.

    Args:
        values: Any shape, classes last.
        source: What to call them in the message (a file).

    Raises:
        InputError: When they are not floats, not finite, outside [0, 1], or rows do not sum to 1.
    """
    if not np.issubdtype(values.dtype, np.floating):
        raise InputError(f"{source}: probabilities must be floats, got dtype {values.dtype}.")
    if not np.isfinite(values).all():
        count = int(np.count_nonzero(~np.isfinite(values)))
        raise InputError(f"{source}: probabilities must be finite, {count} are not.")
    low, high = float(values.min(initial=0.0)), float(values.max(initial=0.0))
    if low < 0 or high > 1 + 1e-3:
        raise InputError(
            f"{source}: probabilities must lie in [0, 1], got {low:g} to {high:g} "
            "(logits must go through a softmax first)."
        )
    if values.shape[-1] == 0:
        raise InputError(f"{source}: probabilities need at least one class.")
    sums = values.sum(axis=-1, dtype=np.float32)
    worst = float(np.abs(sums - 1).max(initial=0.0))
    if worst > ROW_SUM_TOLERANCE:
        raise InputError(
            f"{source}: the probabilities of a clip must sum to 1, one row is off by {worst:.3g}."
        )


def load_epoch(path: str | Path, epoch: int, *, clips: int, classes: int) -> NDArray[np.float16]:
    """Read one epoch, from 1, of a trial's `devel.npy`; of a large file nothing else is read.

    Returns:
        Probabilities, (clips, classes).

    Raises:
        InputError: As `load_devel`, or when there is no such epoch.
    """
    values = _load(Path(path), np.float16, epochs=None, clips=clips, classes=classes)
    if not 1 <= epoch <= len(values):
        raise InputError(f"{path}: epoch must be 1 to {len(values)}, got {epoch}.")
    probabilities: NDArray[np.float16] = np.array(values[epoch - 1])
    check_probabilities(probabilities, source=str(path))
    return probabilities


def load_devel(
    path: str | Path, *, clips: int, classes: int, epochs: int | None = None
) -> NDArray[np.float16]:
    """Read `devel.npy` of a trial.

    Args:
        path: The file.
        clips: Number of clips it must have.
        classes: Number of classes it must have.
        epochs: Number of epochs it must have; any when None (pruned trials stop early).

    Returns:
        Probabilities, (epochs, clips, classes); mapped where the file is large, so that an epoch
        takes memory only while it is looked at.

    Raises:
        InputError: When the file is missing, truncated, pickled, or of another shape or dtype,
            or holds something else than probabilities.
    """
    values = _load(Path(path), np.float16, epochs=epochs, clips=clips, classes=classes)
    for probabilities in values:
        check_probabilities(probabilities, source=str(path))
    return values


def load_test(path: str | Path, *, clips: int, classes: int) -> NDArray[np.float32]:
    """Read `test.npy` of a trial, (clips, classes) of its best epoch.

    Raises:
        InputError: As `load_devel`, with float32.
    """
    values = _load(Path(path), np.float32, clips=clips, classes=classes)
    check_probabilities(values, source=str(path))
    return values


def _load(path: Path, dtype: type[np.floating], **axes: int | None) -> NDArray[Any]:
    """Return an array of this type and these axes (None: of any length); a large one is mapped."""
    large = path.is_file() and path.stat().st_size > MAPPED_FROM
    values = load_array(path, mapped=large)
    if values.ndim != len(axes):
        raise InputError(
            f"{path}: must have the axes ({', '.join(axes)}), got shape {values.shape}."
        )
    for n, (name, expected) in zip(values.shape, axes.items(), strict=True):
        if expected not in (None, n):
            raise InputError(f"{path}: must hold {expected} {name}, got {n}.")
    if values.shape[0] == 0:
        raise InputError(f"{path}: holds no {next(iter(axes))}.")
    if values.dtype != dtype:
        raise InputError(f"{path}: must be {np.dtype(dtype)}, got {values.dtype}.")
    return values


def labels_of(results: StudyResults) -> NDArray[np.int64]:
    """Return the class indices of the devel labels, (clips,), in the order of every array.

    Raises:
        InputError: If a devel clip has no label.
    """
    index = {name: i for i, name in enumerate(results.classes)}
    clips = results.partitions["devel"].clips
    missing = [clip.file_name for clip in clips if clip.label not in index]
    if missing:
        raise InputError(f"{results.folder / 'clips.json'}: {missing[0]} has no known label")
    return np.array([index[str(clip.label)] for clip in clips])


def speakers_of(
    results: StudyResults, partition: Literal["devel", "test"] = "devel"
) -> tuple[str, ...] | None:
    """Return the speaker of each clip of a partition, or None where one is unknown."""
    return all_known(clip.speaker for clip in results.partitions[partition].clips)


def all_known(speakers: Iterable[str | None]) -> tuple[str, ...] | None:
    """Return the speakers of clips, or None where one is unknown.

    >>> all_known(["anna", None]) is None
    True
    """
    every = tuple(speakers)
    known = tuple(speaker for speaker in every if speaker is not None)
    return known if len(known) == len(every) else None

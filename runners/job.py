"""What a worker is given: the task that all trials share, and one attempt at one trial."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import compress
from pathlib import Path
from typing import Any

from search_spaces.grammar.errors import InputError
from search_spaces.spec import TrialSpec

PADS = ("repeat", "reflect", "zero")


@dataclass(frozen=True)
class Task:
    """The clips, their partitions and labels: the same for all trials of a study.

    Labels of the test partition are not among them: no training can see them. In a
    cross-validation train and devel are the same clips, and each devel clip is predicted by the
    network of its fold, which was trained on the clips of all other folds.
    """

    cache: str  # folder of `runners.clips.Clips`
    classes: tuple[str, ...]
    partitions: Mapping[str, tuple[int, ...]]  # train, devel, test: positions in the cache
    labels: Mapping[str, tuple[int, ...]]  # train, devel: positions in `classes`
    clip_seconds: float = 1.0  # what a network hears at once
    pad: str = "repeat"  # what short clips are filled up with: repeat, reflect, zero
    folds: tuple[int, ...] = ()  # of each devel clip, from 0; empty: devel was held out

    @property
    def n_folds(self) -> int:
        """Number of folds, 0 where devel was held out."""
        return max(self.folds, default=-1) + 1

    def fold(self, k: int) -> Task:
        """Return the task of the network of fold `k`.

        >>> pool = {"train": (4, 5, 6), "devel": (4, 5, 6), "test": (7,)}
        >>> labels = {"train": (0, 1, 1), "devel": (0, 1, 1)}
        >>> one = Task("", ("a", "b"), pool, labels, folds=(0, 1, 0)).fold(1)
        >>> one.partitions, one.labels
        ({'train': (4, 6), 'devel': (5,), 'test': (7,)}, {'train': (0, 1), 'devel': (1,)})
        """
        left_out = [fold == k for fold in self.folds]
        rows = {"train": [not out for out in left_out], "devel": left_out}

        def parts(values: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
            return {name: tuple(compress(values, chosen)) for name, chosen in rows.items()}

        clips = parts(self.partitions["devel"]) | {"test": self.partitions["test"]}
        labels = parts(self.labels["devel"])
        return dataclasses.replace(self, partitions=clips, labels=labels, folds=())

    def write(self, path: Path) -> None:
        """Write the task as JSON."""
        path.write_text(json.dumps(dataclasses.asdict(self)), "utf-8")

    @classmethod
    def read(cls, path: Path) -> Task:
        """Read a task that `write` wrote.

        Raises:
            InputError: If the file is not such a task.
        """
        try:
            plain = json.loads(path.read_text("utf-8"))
            plain["classes"] = tuple(plain["classes"])
            plain["folds"] = tuple(plain.get("folds", ()))
            for key in ("partitions", "labels"):
                plain[key] = {name: tuple(values) for name, values in plain[key].items()}
            return cls(**plain)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(f"{path}: is not a task of this version: {error}") from error


@dataclass(frozen=True)
class Job:
    """One attempt at one trial.

    Args:
        number: Of the trial.
        attempt: From 1.
        spec: What to train.
        task: File of the task.
        folder: Where the attempt's files go.
        weights: File of the pretrained weights, resolved by the study.
        rungs: Epochs after which the trial may be pruned; the answer is awaited one epoch later.
        last_epoch: Stop after this epoch of the schedule (a refit at its best epoch); None: all.
        accumulate: Micro-batches a batch is split into when memory does not hold it at once.
        checkpoint: File to go on from; None: from the start.
        checkpoint_s: Least seconds between two checkpoints.
    """

    number: int
    attempt: int
    spec: TrialSpec
    task: str
    folder: str
    weights: str | None = None
    rungs: tuple[int, ...] = ()
    last_epoch: int | None = None
    accumulate: int = 1
    checkpoint: str | None = None
    checkpoint_s: float = 30.0

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        plain = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        return plain | {"spec": self.spec.to_dict(), "rungs": list(self.rungs)}

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Job:
        """Make a job from `to_dict`'s values."""
        values = dict(plain)
        values["spec"] = TrialSpec.from_dict(plain["spec"])
        values["rungs"] = tuple(plain["rungs"])
        return cls(**values)

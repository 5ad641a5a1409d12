"""Every candidate with all its epochs, so that the choice of the epoch can be judged too."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from study.metrics.uar import argmax_last, check_codes

__all__ = ["Library", "library_of", "positions_by_key"]


@dataclass(frozen=True)
class Library:
    """Candidates of one study on the same clips; make it with `library_of`.

    Args:
        trials: Probabilities of every trial, (epochs, clips, classes) each, perhaps mapped files;
            pruned trials have fewer epochs.
        groups: Positions of the trials of every candidate; several are repeated seeds.
        families: Backbone family of every candidate.
        labels: Codes, (clips,).
        units: What is held out together, codes from 0, (clips,): the speaker, or without
            speakers the clip.
        grouped: Whether the units are speakers.
        hits: Whether an epoch recognised a clip, epochs of all trials in a row, (epochs, clips).
        starts: Row of `hits` at which every trial begins.
    """

    trials: tuple[NDArray[np.floating], ...]
    groups: tuple[tuple[int, ...], ...]
    families: tuple[Hashable, ...]
    labels: NDArray[np.intp]
    units: NDArray[np.intp]
    grouped: bool
    hits: NDArray[np.bool_]
    starts: NDArray[np.intp]

    @property
    def n_units(self) -> int:
        """Number of speakers (or clips)."""
        return int(self.units.max()) + 1

    @property
    def by_speaker(self) -> bool:
        """Whether folds keep speakers together: they are known, and more than one."""
        return self.grouped and self.n_units > 1

    @property
    def folded(self) -> NDArray[np.intp]:
        """What folds keep together, (clips,): the units, or single clips of the only one."""
        return self.units if self.n_units > 1 else np.arange(self.labels.size)

    def best_epochs(self, clips: NDArray[np.intp]) -> NDArray[np.intp]:
        """The epoch with the best UAR on some clips (repeated ones count twice), (trials,).

        Of equal epochs the first, as in a trial.
        """
        labels = self.labels[clips]
        present = np.unique(labels)
        recalls = [
            self.hits[:, clips[labels == code]].mean(axis=1, dtype=np.float64) for code in present
        ]
        uar = np.mean(recalls, axis=0)
        ends = np.append(self.starts[1:], len(self.hits))
        return np.array(
            [
                np.argmax(uar[start:end].round(12))
                for start, end in zip(self.starts, ends, strict=True)
            ],
            dtype=np.intp,
        )

    def at(self, epochs: NDArray[np.intp], clips: NDArray[np.intp]) -> NDArray[np.float64]:
        """The candidates at some epochs on some clips, (candidates, clips, classes)."""
        chosen = np.stack(
            [
                np.asarray(trial[epoch][clips], dtype=np.float64)
                for trial, epoch in zip(self.trials, epochs, strict=True)
            ]
        )
        if len(self.groups) == len(chosen):
            return chosen
        return np.stack([chosen[list(group)].mean(axis=0) for group in self.groups])


def library_of(
    candidates: Sequence[ArrayLike],
    labels: ArrayLike,
    speakers: ArrayLike | None = None,
    *,
    families: Sequence[Hashable] | None = None,
    spec_digests: Sequence[Hashable] | None = None,
) -> Library:
    """Check and gather what an honest estimate needs.

    Args:
        candidates: Probabilities per trial, (epochs, clips, classes) each, as in `devel.npy`.
        labels: Codes, (clips,).
        speakers: Speaker of every clip, (clips,); None when unknown.
        families: Backbone family per trial; one family when None.
        spec_digests: Equal for repeated seeds of one spec, per trial; all differ when None.

    Raises:
        ValueError: When shapes do not fit, there are no trials, epochs or clips, or a value is
            not finite.
    """
    trials = tuple(np.asarray(candidate) for candidate in candidates)
    if not trials:
        raise ValueError("candidates must hold at least one trial, got none")
    for position, trial in enumerate(trials):
        if trial.ndim != 3 or len(trial) == 0 or trial.shape[1:] != trials[0].shape[1:]:
            raise ValueError(
                "every candidate must have the axes (epochs, clips, classes) over the same clips "
                f"and classes, got {trials[0].shape} and, at {position}, {trial.shape}"
            )
        if not all(np.isfinite(epoch).all() for epoch in trial):  # a large one is mapped
            raise ValueError(f"probabilities must be finite, got NaN or infinity at {position}")
    codes = check_codes(labels, trials[0].shape[1:])
    who = np.arange(codes.size) if speakers is None else np.asarray(speakers)
    if who.shape != codes.shape:
        raise ValueError(f"speakers must be one per clip, got {who.size} for {codes.size} clips")
    groups = positions_by_key(
        list(range(len(trials))) if spec_digests is None else list(spec_digests), len(trials)
    )
    kinds = [None] * len(trials) if families is None else list(families)
    if len(kinds) != len(trials):
        raise ValueError(f"families must be one per trial, got {len(kinds)} for {len(trials)}")
    lengths = [len(trial) for trial in trials]
    return Library(
        trials=trials,
        groups=tuple(tuple(int(position) for position in group) for group in groups),
        families=tuple(kinds[group[0]] for group in groups),
        labels=codes,
        units=np.unique(who, return_inverse=True)[1].astype(np.intp),
        grouped=speakers is not None,
        hits=np.concatenate([argmax_last(trial) == codes for trial in trials]),
        starts=np.cumsum([0, *lengths[:-1]]),
    )


def positions_by_key(keys: Sequence[Hashable], n: int) -> list[NDArray[np.intp]]:
    """Positions of equal keys, one array per key, in order of first appearance."""
    if len(keys) != n:
        raise ValueError(f"there must be one key per candidate, got {len(keys)} for {n}")
    positions: dict[Hashable, list[int]] = {}
    for index, key in enumerate(keys):
        positions.setdefault(key, []).append(index)
    return [np.asarray(group, dtype=np.intp) for group in positions.values()]

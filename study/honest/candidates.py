"""Every candidate with all its epochs, so that the choice of the epoch can be judged too."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from study.metrics.uar import argmax_last, check_class_indices


@dataclass(frozen=True)
class CandidateEpochs:
    """Candidates of one study on the same clips; make it with `from_probabilities`.

    Args:
        trials: Probabilities of every trial, (epochs, clips, classes) each, perhaps mapped files;
            pruned trials have fewer epochs.
        seeds: Positions of the trials of every candidate; several are repeated seeds.
        families: Backbone family of every candidate.
        labels: Class indices, (clips,).
        groups: What is held out together, integers from 0, (clips,): the speaker, or without
            speakers the clip.
        has_speakers: Whether the groups are speakers.
        correct: Whether an epoch recognised a clip, epochs of all trials in a row, (epochs, clips).
        starts: Row of `correct` at which every trial begins.
    """

    trials: tuple[NDArray[np.floating], ...]
    seeds: tuple[tuple[int, ...], ...]
    families: tuple[Hashable, ...]
    labels: NDArray[np.intp]
    groups: NDArray[np.intp]
    has_speakers: bool
    correct: NDArray[np.bool_]
    starts: NDArray[np.intp]

    @classmethod
    def from_probabilities(
        cls,
        candidates: Sequence[ArrayLike],
        labels: ArrayLike,
        speakers: ArrayLike | None = None,
        *,
        families: Sequence[Hashable] | None = None,
        spec_digests: Sequence[Hashable] | None = None,
    ) -> CandidateEpochs:
        """Check and gather what an honest estimate needs.

        Args:
            candidates: Probabilities per trial, (epochs, clips, classes) each, as in `devel.npy`.
            labels: Class indices, (clips,).
            speakers: Speaker of every clip, (clips,); None when unknown.
            families: Backbone family per trial; one family when None.
            spec_digests: Equal for repeated seeds of one spec, per trial; all differ when None.

        Raises:
            ValueError: When shapes do not fit, there are no trials, epochs or clips, or a value
                is not finite.
        """
        trials = tuple(np.asarray(candidate) for candidate in candidates)
        if not trials:
            raise ValueError("candidates must hold at least one trial, got none")
        for position, trial in enumerate(trials):
            if trial.ndim != 3 or len(trial) == 0 or trial.shape[1:] != trials[0].shape[1:]:
                raise ValueError(
                    "every candidate must have the axes (epochs, clips, classes) over the same "
                    f"clips and classes, got {trials[0].shape} and, at {position}, {trial.shape}"
                )
            if not all(np.isfinite(epoch).all() for epoch in trial):  # a large one is mapped
                raise ValueError(f"probabilities must be finite, got NaN or infinity at {position}")
        truth = check_class_indices(labels, trials[0].shape[1:])
        names = np.arange(truth.size) if speakers is None else np.asarray(speakers)
        if names.shape != truth.shape:
            raise ValueError(
                f"speakers must be one per clip, got {names.size} for {truth.size} clips"
            )
        kinds = [None] * len(trials) if families is None else list(families)
        if len(kinds) != len(trials):
            raise ValueError(f"families must be one per trial, got {len(kinds)} for {len(trials)}")
        digests = list(range(len(trials)) if spec_digests is None else spec_digests)
        seeds = [tuple(map(int, group)) for group in positions_by_key(digests, len(trials))]
        return cls(
            trials=trials,
            seeds=tuple(seeds),
            families=tuple(kinds[group[0]] for group in seeds),
            labels=truth,
            groups=np.unique(names, return_inverse=True)[1].astype(np.intp),
            has_speakers=speakers is not None,
            correct=np.concatenate([argmax_last(trial) == truth for trial in trials]),
            starts=np.cumsum([0, *map(len, trials[:-1])]),
        )

    @property
    def n_groups(self) -> int:
        """Number of speakers (or clips)."""
        return int(self.groups.max()) + 1

    @property
    def speakers(self) -> NDArray[np.intp] | None:
        """Speaker of every clip, (clips,); None when unknown."""
        return self.groups if self.has_speakers else None

    @property
    def fold_groups(self) -> NDArray[np.intp]:
        """What folds keep together, (clips,): the groups, or single clips of the only one."""
        return self.groups if self.n_groups > 1 else np.arange(self.labels.size)

    def best_epochs(self, clips: NDArray[np.intp] | slice = slice(None)) -> NDArray[np.intp]:
        """The epoch with the best UAR on some clips (repeated ones count twice), (trials,).

        Of equal epochs the first, as in a trial.
        """
        positions = np.arange(self.labels.size)[clips]
        labels = self.labels[positions]
        recalls = [
            self.correct[:, positions[labels == index]].mean(axis=1, dtype=np.float64)
            for index in np.unique(labels)
        ]
        uars = np.split(np.mean(recalls, axis=0).round(12), self.starts[1:])
        return np.array([np.argmax(uar) for uar in uars], dtype=np.intp)

    def predictions_at(
        self, epochs: NDArray[np.intp], clips: NDArray[np.intp] | slice = slice(None)
    ) -> NDArray[np.float64]:
        """The candidates' probabilities at one epoch per trial, (candidates, clips, classes)."""
        chosen = np.stack(
            [
                np.asarray(trial[epoch][clips], dtype=np.float64)
                for trial, epoch in zip(self.trials, epochs, strict=True)
            ]
        )
        if len(self.seeds) == len(chosen):
            return chosen
        return np.stack([chosen[list(group)].mean(axis=0) for group in self.seeds])


def positions_by_key(keys: Sequence[Hashable], n: int) -> list[NDArray[np.intp]]:
    """Positions of equal keys, one array per key, in order of first appearance."""
    if len(keys) != n:
        raise ValueError(f"there must be one key per candidate, got {len(keys)} for {n}")
    positions: dict[Hashable, list[int]] = {}
    for index, key in enumerate(keys):
        positions.setdefault(key, []).append(index)
    return [np.asarray(group, dtype=np.intp) for group in positions.values()]

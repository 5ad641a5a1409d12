"""Choose again without the clips that judge: folds and bootstrap samples of speakers."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from study.honest.candidates import Library
from study.honest.method import Fitted, Method
from study.metrics.speaker_bootstrap import strata_of_speakers

__all__ = ["Split", "bootstrap_splits", "fold_splits", "held_out_hits", "only_candidate"]


class Split(NamedTuple):
    """Positions of the clips that are fitted on (repeated ones count twice) and judged."""

    inside: NDArray[np.intp]
    outside: NDArray[np.intp]


def fold_splits(
    labels: NDArray[np.intp], units: NDArray[np.intp], *, n_folds: int, seed: int = 0
) -> list[Split]:
    """Folds that keep the clips of a unit together, with the classes spread over the folds.

    Units with the same classes are shuffled and dealt out in turn.

    Args:
        labels: Codes, (clips,).
        units: Codes from 0 of what is kept together (speakers), (clips,).
        n_folds: Number of folds; at most one per unit.
        seed: Of the shuffling.

    Raises:
        ValueError: With fewer than two units or folds.
    """
    n_units = int(units.max()) + 1
    n_folds = min(n_folds, n_units)
    if n_folds < 2:
        raise ValueError(f"folds need at least 2 groups, got {n_units} (n_folds={n_folds})")
    rng = np.random.default_rng(seed)
    fold_of = np.empty(n_units, dtype=np.intp)
    dealt = 0
    for group in _units_by_classes(labels, units):
        shuffled = rng.permutation(group)
        fold_of[shuffled] = (dealt + np.arange(group.size)) % n_folds
        dealt += group.size
    fold_of_clip = fold_of[units]
    return [
        Split(np.flatnonzero(fold_of_clip != fold), np.flatnonzero(fold_of_clip == fold))
        for fold in range(n_folds)
    ]


def bootstrap_splits(
    labels: NDArray[np.intp], units: NDArray[np.intp], *, n_resamples: int, seed: int = 0
) -> Iterator[Split]:
    """Bootstrap samples of units; those not drawn judge (out of bag).

    Units are drawn among those with the same classes, so that no class vanishes.
    """
    rng = np.random.default_rng(seed)
    n_units = int(units.max()) + 1
    totals = np.zeros((n_units, int(labels.max()) + 1))
    np.add.at(totals, (units, labels), 1)
    strata = strata_of_speakers(totals)
    clips_of = np.split(np.argsort(units, kind="stable"), np.cumsum(np.bincount(units))[:-1])
    for _ in range(n_resamples):
        drawn = np.concatenate([rng.choice(group, size=group.size) for group in strata])
        left = np.setdiff1d(np.arange(n_units), drawn)
        if left.size:
            inside = np.concatenate([clips_of[unit] for unit in drawn])
            yield Split(inside, np.concatenate([clips_of[unit] for unit in left]))


def held_out_hits(
    library: Library, methods: Mapping[str, Method], splits: Iterable[Split]
) -> dict[str, NDArray[np.float64]]:
    """How often every clip is recognised by fusions that were fitted without it.

    In every split each trial's best epoch is chosen on the clips inside, then each method is
    fitted on them, and scores those outside.

    Returns:
        Share of recognitions per method, (clips,), in [0, 1]; NaN for a clip never judged.
    """
    n_clips = library.labels.size
    sums = {name: np.zeros(n_clips) for name in methods}
    judged = np.zeros(n_clips, dtype=np.intp)
    for inside, outside in splits:
        epochs = library.best_epochs(inside)
        fitted_on, judged_on = library.at(epochs, inside), library.at(epochs, outside)
        for name, method in methods.items():
            fitted = method(
                fitted_on,
                library.labels[inside],
                speakers=library.units[inside],
                families=library.families,
            )
            guesses = fitted.scores(judged_on).argmax(axis=-1)
            sums[name][outside] += guesses == library.labels[outside]
        judged[outside] += 1
    with np.errstate(invalid="ignore"):
        return {name: total / judged for name, total in sums.items()}


def only_candidate(
    probabilities: NDArray[np.float64],
    labels: NDArray[np.intp],
    *,
    speakers: NDArray[np.intp],
    families: Sequence[Hashable],
) -> Fitted:
    """The method for a library of one candidate: only its epoch is chosen.

    Raises:
        ValueError: There are more.
    """
    if len(probabilities) != 1:
        raise ValueError(f"there must be one candidate, got {len(probabilities)}")
    return _First()


@dataclass(frozen=True)
class _First:
    members: tuple[int, ...] = (0,)

    def scores(self, probabilities: ArrayLike) -> NDArray[np.float64]:
        only: NDArray[np.float64] = np.asarray(probabilities, dtype=np.float64)[0]
        return only


def _units_by_classes(labels: NDArray[np.intp], units: NDArray[np.intp]) -> list[NDArray[np.intp]]:
    has = np.zeros((int(units.max()) + 1, int(labels.max()) + 1), dtype=bool)
    has[units, labels] = True
    _, pattern = np.unique(has, axis=0, return_inverse=True)
    return [np.flatnonzero(pattern == code) for code in np.unique(pattern)]

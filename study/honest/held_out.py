"""Choose again without the clips that judge: folds and bootstrap samples of speakers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from study.honest.candidates import CandidateEpochs
from study.honest.method import Method
from study.metrics.speaker_bootstrap import strata_of_speakers


class Split(NamedTuple):
    """Positions of the clips that are fitted on (repeated ones count twice) and judged."""

    inside: NDArray[np.intp]
    outside: NDArray[np.intp]


def fold_splits(
    labels: NDArray[np.intp], groups: NDArray[np.intp], *, n_folds: int, seed: int = 0
) -> list[Split]:
    """Folds that keep the clips of a group together, with the classes spread over the folds.

    Groups with the same classes are shuffled and dealt out in turn.

    Args:
        labels: Class indices, (clips,).
        groups: Integers from 0 of what is kept together (speakers), (clips,).
        n_folds: Number of folds; at most one per group.
        seed: Of the shuffling.

    Raises:
        ValueError: With fewer than two groups or folds.

    >>> labels, speakers = np.array([0, 1, 0, 1, 0, 1]), np.array([0, 0, 1, 1, 2, 2])
    >>> [fold.outside.tolist() for fold in fold_splits(labels, speakers, n_folds=2)]
    [[2, 3, 4, 5], [0, 1]]
    """
    n_groups = int(groups.max()) + 1
    n_folds = min(n_folds, n_groups)
    if n_folds < 2:
        raise ValueError(f"folds need at least 2 groups, got {n_groups} (n_folds={n_folds})")
    rng = np.random.default_rng(seed)
    has = _clips_of_classes(labels, groups) > 0
    _, pattern = np.unique(has, axis=0, return_inverse=True)
    dealt = [rng.permutation(np.flatnonzero(pattern == one)) for one in np.unique(pattern)]
    fold_of = np.empty(n_groups, dtype=np.intp)
    fold_of[np.concatenate(dealt)] = np.arange(n_groups) % n_folds
    fold_of_clip = fold_of[groups]
    return [
        Split(np.flatnonzero(fold_of_clip != fold), np.flatnonzero(fold_of_clip == fold))
        for fold in range(n_folds)
    ]


def bootstrap_splits(
    labels: NDArray[np.intp], groups: NDArray[np.intp], *, n_resamples: int, seed: int = 0
) -> Iterator[Split]:
    """Bootstrap samples of groups; those not drawn judge (out of bag).

    A sample that leaves no group out is none.
    """
    samples = bootstrap_samples(labels, groups, n_resamples=n_resamples, seed=seed)
    return (sample for sample in samples if sample.outside.size)


def bootstrap_samples(
    labels: NDArray[np.intp], groups: NDArray[np.intp], *, n_resamples: int, seed: int = 0
) -> Iterator[Split]:
    """Bootstrap samples of groups, and the clips of those not drawn, which may be none.

    Groups are drawn among those with the same classes, so that no class vanishes.
    """
    rng = np.random.default_rng(seed)
    strata = strata_of_speakers(_clips_of_classes(labels, groups))
    clips = np.split(np.argsort(groups, kind="stable"), np.cumsum(np.bincount(groups))[:-1])
    for _ in range(n_resamples):
        drawn = np.concatenate([rng.choice(group, size=group.size) for group in strata])
        left = np.setdiff1d(np.arange(len(clips)), drawn)
        inside = np.concatenate([clips[group] for group in drawn])
        yield Split(inside, np.concatenate([clips[0][:0], *(clips[group] for group in left)]))


def held_out_hits(
    candidates: CandidateEpochs, methods: Mapping[str, Method], splits: Iterable[Split]
) -> dict[str, NDArray[np.float64]]:
    """How often every clip is recognised by fusions that were fitted without it.

    In every split each trial's best epoch is chosen on the clips inside, then each method is
    fitted on them, and scores those outside. With the splits B_i that judge clip i and the fusion
    F_b of split b, the hits of clip i are h_i = 1/|B_i| * sum_{b in B_i} [argmax F_b(x_i) = y_i].

    Returns:
        h per method, (clips,), in [0, 1]; NaN for a clip never judged.
    """
    n_clips = candidates.labels.size
    sums = {name: np.zeros(n_clips) for name in methods}
    judged = np.zeros(n_clips, dtype=np.intp)
    for inside, outside in splits:
        epochs = candidates.best_epochs(inside)
        fitted_on = candidates.predictions_at(epochs, inside)
        judged_on = candidates.predictions_at(epochs, outside)
        labels, groups = candidates.labels[inside], candidates.groups[inside]
        for name, method in methods.items():
            fitted = method(fitted_on, labels, speakers=groups, families=candidates.families)
            predictions = fitted.scores(judged_on).argmax(axis=-1)
            sums[name][outside] += predictions == candidates.labels[outside]
        judged[outside] += 1
    with np.errstate(invalid="ignore"):
        return {name: total / judged for name, total in sums.items()}


def _clips_of_classes(labels: NDArray[np.intp], groups: NDArray[np.intp]) -> NDArray[np.float64]:
    """Number of clips, (groups, classes)."""
    totals = np.zeros((int(groups.max()) + 1, int(labels.max()) + 1))
    np.add.at(totals, (groups, labels), 1)
    return totals

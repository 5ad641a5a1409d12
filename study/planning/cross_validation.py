"""How labelled clips are evaluated: devel held out, or all by networks new to their speakers.

Under `kfold` and `loso` (leave one speaker out) train and devel are one pool. A trial trains a
network per fold, "devel" is the whole pool, each clip predicted by the network of its own fold, and
the objective is the pooled UAR. The test partition is predicted by the mean of the networks.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from search_spaces.grammar.errors import InputError
from study.corpus import Corpus
from study.honest import fold_splits

PARTITIONS = ("train", "devel", "test")


def protocol_partitions(corpus: Corpus, protocol: str) -> dict[str, tuple[int, ...]]:
    """Return the positions of the clips that train, evaluate and are predicted blindly.

    In a cross-validation train and devel are the same clips, in the corpus's order.
    """
    partitions = {
        name: tuple(i for i, clip in enumerate(corpus.clips) if clip.partition == name)
        for name in PARTITIONS
    }
    if protocol == "holdout":
        return partitions
    pool = tuple(sorted(partitions["train"] + partitions["devel"]))
    return partitions | {"train": pool, "devel": pool}


def deal_folds(
    corpus: Corpus, pool: tuple[int, ...], *, protocol: str, n_folds: int, seed: int
) -> tuple[int, ...]:
    """Return the fold of each clip of the pool; all clips of a speaker are in one.

    `kfold` deals the speakers out with the classes spread evenly (`study.honest.held_out`); `loso`
    has a fold for every speaker, in the order of their names.

    Args:
        corpus: The corpus.
        pool: Positions of the clips.
        protocol: `holdout`, which has no folds, `kfold` or `loso`.
        n_folds: Of `kfold`.
        seed: Of the dealing.

    Raises:
        InputError: If a speaker is unknown, there are too few, or only one says a class.
    """
    if protocol == "holdout":
        return ()
    names = _speakers(corpus, pool, protocol)
    speakers, folds = np.unique(names, return_inverse=True)
    labels = np.array([corpus.classes.index(str(corpus.clips[i].label)) for i in pool])
    needed = max(2, n_folds if protocol == "kfold" else 0)
    if len(speakers) < needed:
        raise InputError(
            f"protocol: {protocol} needs at least {needed} speakers in train and devel,"
            f" and {corpus.root} has {len(speakers)}"
        )
    if protocol == "kfold":
        for k, split in enumerate(fold_splits(labels, folds, n_folds=n_folds, seed=seed)):
            folds[split.outside] = k
    _check_classes(corpus, names, labels, folds, protocol)
    return tuple(int(fold) for fold in folds)


def protocol_sentence(protocol: str, folds: tuple[int, ...]) -> str:
    """Say how clips are evaluated, for the terminal and the report; empty for `holdout`.

    >>> protocol_sentence("loso", (0, 1, 1, 2))
    'protocol loso: "devel" is train+devel, its 4 clips each judged by the network of 3 that did \
not hear the speaker'
    """
    if protocol == "holdout":
        return ""
    heard = "the speaker" if protocol == "loso" else "its speakers"
    return (
        f'protocol {protocol}: "devel" is train+devel, its {len(folds):,} clips each judged by the'
        f" network of {max(folds) + 1} that did not hear {heard}"
    )


def _speakers(corpus: Corpus, pool: tuple[int, ...], protocol: str) -> list[str]:
    """Return the speaker of each clip."""
    clips = [corpus.clips[i] for i in pool]
    unknown = [clip.file_name for clip in clips if clip.speaker is None]
    if unknown:
        raise InputError(
            f"protocol: {protocol} needs the speaker of every clip of train and devel, and"
            f" {len(unknown)} of {len(clips)} have none, the first is {unknown[0]}"
        )
    return [str(clip.speaker) for clip in clips]


def _check_classes(
    corpus: Corpus,
    speakers: list[str],
    labels: NDArray[np.int64],
    folds: NDArray[np.int64],
    protocol: str,
) -> None:
    """Check that every fold's network hears every class."""
    for label in np.unique(labels):
        if len(set(folds[labels == label])) > 1:
            continue
        by = sorted({speakers[i] for i in np.flatnonzero(labels == label)})
        raise InputError(
            f"protocol: {protocol}: the class {corpus.classes[label]!r} is said only by"
            f" {', '.join(by)}, all in one fold, so its network would never hear that class"
        )

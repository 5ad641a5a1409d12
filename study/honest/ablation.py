"""What each choice is worth: the points of a grid beside each other, honestly.

Every training is evaluated at an epoch chosen without the speakers it is evaluated on, seeds are
averaged, and intervals and p-values are over speakers (over clips, and said to be too narrow, where
none are known). P-values with a reference named beforehand are corrected for the number of
comparisons (Holm); those with the best point, which the same clips have chosen, for all pairs.
Training and judging clips are the same for all points, so that differences are paired.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from search_spaces.grammar.errors import InputError
from study.honest.candidates import CandidateEpochs
from study.honest.held_out import fold_splits
from study.metrics import compare
from study.metrics.intervals import Interval, interval_of_correct
from study.metrics.permutation_tests import Comparison, compare_all_pairs, holm
from study.metrics.uar import uar_of_correct
from study.results import StudyResults
from study.results.probabilities import labels_of, load_devel, speakers_of
from study.results.trial_record import GRID

Correction = Literal["holm", "all_pairs"]
N_FOLDS = 10


@dataclass(frozen=True)
class Trainings:
    """Trainings of one study, as the table needs them.

    Args:
        numbers: Of the trials.
        params: Flat parameters of each.
        digests: Equal for repeated seeds of one spec.
        epochs: Probabilities of each, (epochs, clips, classes).
        seconds: How long each took.
        labels: Class indices, (clips,).
        speakers: Speaker of every clip, (clips,); None where one is unknown.
    """

    numbers: Sequence[int]
    params: Sequence[Mapping[str, Any]]
    digests: Sequence[str]
    epochs: Sequence[NDArray[np.float16]]
    seconds: Sequence[float]
    labels: NDArray[np.int64]
    speakers: Sequence[str] | None

    @classmethod
    def from_results(cls, results: StudyResults) -> Trainings:
        """A study's complete trainings: those of its grid, or all where it is no grid.

        Raises:
            InputError: If there is none, or a file is damaged.
        """
        complete = [trial for trial in results.ranked if trial.state == "complete"]
        grid = [trial for trial in complete if trial.origin.startswith(GRID)]
        trials = sorted(grid or complete, key=lambda trial: trial.number)
        if not trials:
            raise InputError(f"{results.folder}: no trial has ended with a result to compare")
        labels = labels_of(results)
        epochs = [
            load_devel(
                trial.file("devel.npy"),
                clips=len(labels),
                classes=len(results.classes),
                epochs=len(trial.uar_per_epoch),
            )
            for trial in trials
        ]
        return cls(
            numbers=[trial.number for trial in trials],
            params=[trial.params for trial in trials],
            digests=[str(trial.spec_digest) for trial in trials],
            epochs=epochs,
            seconds=[trial.seconds or 0.0 for trial in trials],
            labels=labels,
            speakers=speakers_of(results),
        )


@dataclass(frozen=True)
class AblationRow:
    """One point of the grid; UAR in [0, 1].

    Args:
        settings: What distinguishes it from the others.
        trials: Numbers, one per seed.
        uars: Of each.
        interval: Of their mean, over speakers, or over clips where none are known.
        comparison: With the reference, its p-value uncorrected; None for the reference itself.
        p_corrected: Its p-value among all comparisons of the table, where there is one.
        correction: For what: comparisons with a reference named beforehand (`holm`), or
            `all_pairs` of points, the reference being the best of them.
        seconds: Mean time of a training.
    """

    settings: Mapping[str, Any]
    trials: tuple[int, ...]
    uars: tuple[float, ...]
    interval: Interval
    comparison: Comparison | None
    p_corrected: float | None
    correction: Correction
    seconds: float

    @property
    def name(self) -> str:
        """The settings in a line, like `scale=mel channels=mono`."""
        return _name(self.settings)


def ablation_rows(
    trainings: Trainings, *, reference: Mapping[str, str] | None = None
) -> list[AblationRow]:
    """Return the points of a study, best first.

    Args:
        trainings: Of the study.
        reference: Settings of the point that the others are compared with; None: the best one.

    Raises:
        InputError: If there is no such point, or more than one.
    """
    points = sorted(_points(trainings), key=lambda point: -point.interval.uar)
    base = points[_reference([point.settings for point in points], reference)]
    labels, speakers, name = trainings.labels, trainings.speakers, _name(base.settings)
    compared = [
        None
        if one is base
        else compare(labels, one.hits, base.hits, speakers, names=(_name(one.settings), name))
        for one in points
    ]
    correction: Correction = "holm" if reference else "all_pairs"
    p_values = _corrected(trainings, points, compared, correction)
    return [
        AblationRow(
            point.settings,
            tuple(trainings.numbers[position] for position in point.seeds),
            point.uars,
            point.interval,
            comparison,
            p_value,
            correction,
            float(np.mean([trainings.seconds[position] for position in point.seeds])),
        )
        for point, comparison, p_value in zip(points, compared, p_values, strict=True)
    ]


class _Point(NamedTuple):
    settings: Mapping[str, Any]
    seeds: list[int]  # positions of its trainings
    uars: tuple[float, ...]  # of each
    hits: NDArray[np.float64]  # fraction of its seeds that recognise a clip, (clips,)
    interval: Interval


def _points(trainings: Trainings) -> Iterator[_Point]:
    """Yield the points in the order of their first trainings."""
    groups: dict[str, list[int]] = {}
    for position, digest in enumerate(trainings.digests):
        groups.setdefault(digest, []).append(position)
    settings = _settings([trainings.params[group[0]] for group in groups.values()])
    for group, own in zip(groups.values(), settings, strict=True):
        each = np.stack([_hits(trainings, position) for position in group])
        uars = tuple(uar_of_correct(trainings.labels, each).tolist())
        hits = each.mean(axis=0)
        value = interval_of_correct(trainings.labels, hits, trainings.speakers)
        yield _Point(own, group, uars, hits, value)


def _corrected(
    trainings: Trainings,
    points: Sequence[_Point],
    compared: Sequence[Comparison | None],
    correction: Correction,
) -> list[float | None]:
    """P-values of the points among all comparisons; None for the reference, and where none is."""
    if correction == "all_pairs":
        hits = [point.hits for point in points]
        found = compare_all_pairs(trainings.labels, hits, trainings.speakers)
        return [None if i == 0 or found is None else float(found[0, i]) for i in range(len(points))]
    p_values = [None if one is None else one.p_value for one in compared]
    corrected = iter(holm([p for p in p_values if p is not None]))
    return [None if p is None else next(corrected) for p in p_values]


def _hits(trainings: Trainings, position: int) -> NDArray[np.float64]:
    """Whether a training recognises each clip, its epoch chosen without the clip's speaker.

    Without the clip, where there is one speaker or none known.
    """
    epochs = [trainings.epochs[position]]
    training = CandidateEpochs.from_probabilities(epochs, trainings.labels, trainings.speakers)
    hits = np.empty(trainings.labels.size)
    for inside, outside in fold_splits(trainings.labels, training.fold_groups, n_folds=N_FOLDS):
        hits[outside] = training.correct[training.best_epochs(inside)[0], outside]
    return hits


def _settings(params: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the parameters that distinguish the points; one that follows from others is left out.

    >>> points = [{"scale": "mel", "mel.n": 3}, {"scale": "log", "log.n": 4}]
    >>> _settings([*points, {"scale": "mel", "mel.n": 5}])
    [{'scale': 'mel', 'mel.n': 3}, {'scale': 'log', 'mel.n': ''}, {'scale': 'mel', 'mel.n': 5}]
    """
    keys = sorted({key for one in params for key in one}, key=lambda key: ("." in key, key))
    kept: list[str] = []
    n_distinct = 1
    for key in keys:
        distinct = {tuple(str(one.get(k, "")) for k in [*kept, key]) for one in params}
        if len(distinct) > n_distinct:
            kept.append(key)
            n_distinct = len(distinct)
    return [{key: one.get(key, "") for key in kept} for one in params]


def _reference(settings: Sequence[Mapping[str, Any]], named: Mapping[str, str] | None) -> int:
    if not named:
        return 0
    found = [
        i
        for i, own in enumerate(settings)
        if all(str(own.get(key)) == value for key, value in named.items())
    ]
    if len(found) != 1:
        raise InputError(
            f"--reference {_name(named)} fits {len(found)} of the points, and must fit one, like:"
            f" {_name(settings[0])}"
        )
    return found[0]


def _name(settings: Mapping[str, Any]) -> str:
    return " ".join(f"{key}={value}" for key, value in settings.items()) or "all the same"

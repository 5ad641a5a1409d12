"""What each choice is worth: the points of a grid beside each other, honestly.

Every training is judged with the epoch chosen without the speakers that judge, several seeds are
averaged, intervals and p-values are over speakers, and p-values are corrected for the number of
comparisons (Holm). Training and judging clips are the same for all points, so that differences
are paired.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search_spaces.errors import InputError
from study.comparisons import Comparison, compare, holm
from study.fusion_library import labels_of, speakers_of
from study.fusion_methods import METHODS
from study.honest_folds import fold_splits, held_out_hits
from study.honest_library import library_of
from study.intervals import Interval, interval_of_counts
from study.origins import GRID
from study.probabilities import load_devel
from study.results import StudyResults
from study.speaker_counts import count_by_speaker
from study.text import spreadsheet_safe

__all__ = ["AblationRow", "Judged", "ablation_csv", "ablation_lines", "ablation_rows", "judged_of"]

N_FOLDS = 10


@dataclass(frozen=True)
class Judged:
    """Trainings of one study, as the table needs them.

    Args:
        numbers: Of the trials.
        params: Flat parameters of each.
        digests: Equal for repeated seeds of one spec.
        epochs: Probabilities of each, (epochs, clips, classes).
        seconds: How long each took.
        labels: Codes, (clips,).
        speakers: Speaker of every clip, (clips,); None where one is unknown.
    """

    numbers: Sequence[int]
    params: Sequence[Mapping[str, Any]]
    digests: Sequence[str]
    epochs: Sequence[NDArray[np.float16]]
    seconds: Sequence[float]
    labels: NDArray[np.int64]
    speakers: Sequence[str] | None


@dataclass(frozen=True)
class AblationRow:
    """One point of the grid; UAR in [0, 1].

    Args:
        settings: What distinguishes it from the others.
        trials: Numbers, one per seed.
        uars: Of each.
        interval: Of their mean, over speakers.
        comparison: With the reference; None for the reference itself.
        p_corrected: Its p-value among all comparisons of the table, where there is one.
        seconds: Mean time of a training.
    """

    settings: Mapping[str, Any]
    trials: tuple[int, ...]
    uars: tuple[float, ...]
    interval: Interval
    comparison: Comparison | None
    p_corrected: float | None
    seconds: float

    @property
    def name(self) -> str:
        """The settings in a line, like `scale=mel channels=mono`."""
        return " ".join(f"{key}={value}" for key, value in self.settings.items()) or "all the same"


def judged_of(results: StudyResults) -> Judged:
    """Return a study's complete trainings: those of its grid, or all where it is no grid.

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
    return Judged(
        [trial.number for trial in trials],
        [trial.params for trial in trials],
        [str(trial.spec_digest) for trial in trials],
        epochs,
        [trial.seconds or 0.0 for trial in trials],
        labels,
        speakers_of(results),
    )


def ablation_rows(
    judged: Judged, *, reference: Mapping[str, str] | None = None
) -> list[AblationRow]:
    """Return the points of a study, best first.

    Args:
        judged: Its trainings.
        reference: Settings of the point that the others are compared with; None: the best one.

    Raises:
        InputError: If there is no such point, or more than one.
    """
    groups: dict[str, list[int]] = {}
    for place, digest in enumerate(judged.digests):
        groups.setdefault(digest, []).append(place)
    settings = _settings([judged.params[group[0]] for group in groups.values()])
    hits = np.stack([_hits(judged, place) for place in range(len(judged.numbers))])
    speakers = np.arange(judged.labels.size) if judged.speakers is None else judged.speakers
    points = []
    for group, own in zip(groups.values(), settings, strict=True):
        uars = tuple(_uar(judged.labels, hits[place]) for place in group)
        counts = count_by_speaker(judged.labels, hits[group].mean(axis=0), speakers)
        points.append((own, group, uars, interval_of_counts(counts)))
    points.sort(key=lambda point: -point[3].uar)
    base = _reference([point[0] for point in points], reference)
    against = hits[points[base][1]].mean(axis=0)
    found = [
        None
        if i == base
        else compare(
            judged.labels,
            hits[group].mean(axis=0),
            against,
            judged.speakers,
            names=(_name(own), _name(points[base][0])),
        )
        for i, (own, group, _, _) in enumerate(points)
    ]
    p_values = [c.p_value for c in found if c is not None and c.p_value is not None]
    corrected = iter(holm(p_values))
    return [
        AblationRow(
            own,
            tuple(judged.numbers[place] for place in group),
            uars,
            interval,
            comparison,
            next(corrected) if comparison is not None and comparison.p_value is not None else None,
            float(np.mean([judged.seconds[place] for place in group])),
        )
        for (own, group, uars, interval), comparison in zip(points, found, strict=True)
    ]


def ablation_lines(rows: Sequence[AblationRow]) -> list[str]:
    """Return the table as Markdown, which a terminal shows well too."""
    keys = list(rows[0].settings)
    header = [*keys, "seeds", "UAR", "95 % interval", "difference", "p (Holm)", "time"]
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    for row in rows:
        low, high = row.interval.low, row.interval.high
        bounds = "" if low is None or high is None else f"{100 * low:.1f} to {100 * high:.1f}"
        difference = "reference" if row.comparison is None else _points(row.comparison.difference)
        p = "" if row.p_corrected is None else f"{row.p_corrected:.3f}"
        sd = f" (SD {100 * np.std(row.uars, ddof=1):.1f})" if len(row.uars) > 1 else ""
        cells = [str(row.settings[key]) for key in keys]
        cells += [str(len(row.uars)), f"{100 * row.interval.uar:.1f}{sd}", bounds, difference, p]
        lines.append("| " + " | ".join([*cells, f"{row.seconds:.0f} s"]) + " |")
    note = rows[0].interval.note
    return lines + (["", f"Note: {note}."] if note else [])


def ablation_csv(rows: Sequence[AblationRow]) -> str:
    """Return the table as CSV, UAR in [0, 1]."""
    keys = list(rows[0].settings)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*keys, "seeds", "trials", "uar", "ci_low", "ci_high", "difference", "p_holm"])
    for row in rows:
        own = [spreadsheet_safe(str(row.settings[key])) for key in keys]
        trials = " ".join(map(str, row.trials))
        difference = 0.0 if row.comparison is None else row.comparison.difference
        bounds = [row.interval.uar, row.interval.low, row.interval.high]
        writer.writerow([*own, len(row.uars), trials, *bounds, difference, row.p_corrected])
    return text.getvalue()


def _hits(judged: Judged, place: int) -> NDArray[np.float64]:
    """Whether a training recognises each clip, its epoch chosen without the clip's speaker."""
    library = library_of([judged.epochs[place]], judged.labels, judged.speakers)
    folds = fold_splits(library.labels, library.units, n_folds=N_FOLDS)
    return held_out_hits(library, {"single": METHODS["best_single"]}, folds)["single"]


def _uar(labels: NDArray[np.int64], hits: NDArray[np.float64]) -> float:
    return float(np.mean([hits[labels == code].mean() for code in np.unique(labels)]))


def _settings(params: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the parameters that distinguish the points; one that follows from others is left out.

    >>> points = [{"scale": "mel", "mel.n": 3}, {"scale": "log", "log.n": 4}]
    >>> _settings([*points, {"scale": "mel", "mel.n": 5}])
    [{'scale': 'mel', 'mel.n': 3}, {'scale': 'log', 'mel.n': ''}, {'scale': 'mel', 'mel.n': 5}]
    """
    keys = sorted({key for one in params for key in one}, key=lambda key: ("." in key, key))
    kept: list[str] = []
    told: set[tuple[str, ...]] = set()
    for key in keys:
        now = {tuple(str(one.get(k, "")) for k in [*kept, key]) for one in params}
        if len(now) > max(1, len(told)):
            kept.append(key)
            told = now
    return [{key: one.get(key, "") for key in kept} for one in params]


def _reference(settings: Sequence[Mapping[str, Any]], wanted: Mapping[str, str] | None) -> int:
    if not wanted:
        return 0
    found = [
        i
        for i, own in enumerate(settings)
        if all(str(own.get(key)) == value for key, value in wanted.items())
    ]
    if len(found) != 1:
        raise InputError(
            f"--reference {_name(wanted)} fits {len(found)} of the points, and must fit one, like:"
            f" {_name(settings[0])}"
        )
    return found[0]


def _name(settings: Mapping[str, Any]) -> str:
    return " ".join(f"{key}={value}" for key, value in settings.items()) or "all the same"


def _points(difference: float) -> str:
    return f"{100 * difference:+.1f}"

"""The fusion methods beside each other, and what any of them is worth."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace

from numpy.typing import ArrayLike

from study.fusion.methods.table import DEFAULT, METHODS, REFERENCES
from study.honest import (
    CandidateEpochs,
    HonestValue,
    Method,
    estimate_library,
    fold_splits,
    held_out_hits,
)
from study.honest.estimate import fit_on_all, nested_interval
from study.metrics import count_by_speaker
from study.metrics.intervals import IntervalMethod
from study.metrics.speaker_counts import paired_difference
from study.progress import Progress, no_progress, with_progress


@dataclass(frozen=True)
class MethodRow:
    """A method in the table of `spectune ensemble --compare`; UAR in [0, 1].

    Args:
        method: Its name.
        uar: Nested UAR, on clips it was not fitted on.
        gain: Paired difference to the default method.
        gain_se: Its standard error over speakers, None with fewer than 5.
        apparent: UAR on the clips it is fitted on.
        members: Positions of the candidates that it takes when fitted on all clips.
        low: Lower bound of the nested UAR's 95 % interval, None without one.
        high: Upper bound.
    """

    method: str
    uar: float
    gain: float
    gain_se: float | None
    apparent: float = float("nan")
    members: tuple[int, ...] = ()
    low: float | None = None
    high: float | None = None


def compare_methods(
    candidates: CandidateEpochs,
    methods: Mapping[str, Method] = METHODS,
    *,
    n_folds: int = 10,
    fit: bool = True,
    seed: int = 0,
    progress: Progress = no_progress,
) -> tuple[MethodRow, ...]:
    """Nested UAR of every method in the same folds, the default first.

    Args:
        candidates: With their epochs.
        methods: By name; the default must be among them.
        n_folds: Most folds.
        fit: Whether to fit each on all clips too, for its apparent UAR and its members, and to
            give its interval.
        seed: Of the folds.
        progress: Is given how many folds are done, of how many.

    Raises:
        ValueError: When there are fewer than two clips, or the default is missing.
    """
    if DEFAULT not in methods:
        raise ValueError(f"methods must hold {DEFAULT!r}, got {sorted(methods)}")
    folds = fold_splits(candidates.labels, candidates.fold_groups, n_folds=n_folds, seed=seed)
    all_hits = held_out_hits(candidates, methods, with_progress(folds, progress, total=len(folds)))
    counts = {
        name: count_by_speaker(candidates.labels, hits, candidates.groups)
        for name, hits in all_hits.items()
    }
    rows = []
    for name in sorted(counts, key=lambda name: name != DEFAULT):
        row = MethodRow(name, counts[name].uar, *paired_difference(counts[name], counts[DEFAULT]))
        if fit:
            fitted, apparent = fit_on_all(candidates, methods[name])
            row = replace(row, apparent=apparent, members=fitted.members)
            if candidates.has_speakers:
                value = nested_interval(candidates, all_hits[name], seed=seed)
                row = replace(row, low=value.low, high=value.high)
        rows.append(row)
    return tuple(rows)


def estimate(
    candidates: Sequence[ArrayLike],
    labels: ArrayLike,
    speakers: ArrayLike | None = None,
    *,
    families: Sequence[Hashable] | None = None,
    spec_digests: Sequence[Hashable] | None = None,
    method: str = DEFAULT,
    n_folds: int = 10,
    n_resamples: int = 25,
    interval_method: IntervalMethod = "expanded",
    seed: int = 0,
) -> HonestValue:
    """The honest value of a fusion.

    Args:
        candidates: Probabilities per trial, (epochs, clips, classes) each, as in `devel.npy`.
        labels: Class indices, (clips,).
        speakers: Speaker of every clip, (clips,); None when unknown.
        families: Backbone family per trial.
        spec_digests: Equal for repeated seeds of one spec, per trial.
        method: A key of `METHODS`.
        n_folds: Most folds; at most one per speaker.
        n_resamples: Bootstrap samples for the out-of-bag value; 0 leaves it out.
        interval_method: As in `study.metrics.interval`.
        seed: Of folds and resampling.

    Raises:
        ValueError: When shapes do not fit, a value is not finite, or the method is unknown.
    """
    library = CandidateEpochs.from_probabilities(
        candidates, labels, speakers, families=families, spec_digests=spec_digests
    )
    if method not in METHODS:
        raise ValueError(f"method must be one of {sorted(METHODS)}, got {method!r}")
    return estimate_library(
        library,
        METHODS[method],
        name=method,
        apparent=fit_on_all(library, METHODS[method])[1],
        references=REFERENCES,
        n_folds=n_folds,
        n_resamples=n_resamples,
        interval_method=interval_method,
        seed=seed,
    )

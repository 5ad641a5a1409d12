"""Which fusion method? The default, unless another gains one standard error; what it is worth."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from study.fusion.methods.absent import absent_classes
from study.fusion.methods.selection import FusionMethod, Selection
from study.fusion.methods.table import COMPARED, DEFAULT, METHODS, REFERENCES
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

INNER_FOLDS = 5


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


def choose(rows: Sequence[MethodRow], *, absent: Sequence[object] = ()) -> str:
    """The default, unless a method gains at least one standard error; then the best of those.

    The references (best single, uniform, top-k) are shown in the table and never chosen.

    Args:
        rows: What `compare_methods` gave.
        absent: Classes without a clip: what another method would do to them is not known, so that
            with any the default is taken.
    """
    if absent:
        return DEFAULT
    better = [
        row
        for row in rows
        if row.method in COMPARED and row.gain_se is not None and row.gain > 0
        if row.gain >= row.gain_se
    ]
    return max(better, key=lambda row: row.gain).method if better else DEFAULT


def choice_sentence(rows: Sequence[MethodRow], *, absent: Sequence[str] = ()) -> str:
    """What `choose` takes, and why, in words; `absent` names classes without a clip."""
    name = choose(rows, absent=absent)
    if absent:
        return (
            f"chosen: {name}, because no devel clip is of {' or '.join(absent)}, so that nothing "
            "tells what another method does to it"
        )
    others = [row for row in rows if row.method in COMPARED and row.method != DEFAULT]
    if not others:
        return f"chosen: {name}, because nothing was compared with it"
    best = max(others, key=lambda row: row.gain)
    if best.gain_se is None:
        return (
            f"chosen: {name}, because with fewer than 5 speakers nothing tells whether another "
            "method is better"
        )
    row = best if name == DEFAULT else next(row for row in rows if row.method == name)
    figures = f"{100 * row.gain:+.1f} points, standard error {100 * (row.gain_se or 0):.1f}"
    if name == DEFAULT:
        return (
            f"chosen: {name}, because no other method gains one standard error over it on clips "
            f"it was not fitted on (best: {best.method}, {figures})"
        )
    return (
        f"chosen: {name}, because on clips it was not fitted on it gains at least one standard "
        f"error over {DEFAULT} ({figures})"
    )


def chosen(
    probabilities: NDArray[np.float64],
    labels: NDArray[np.intp],
    *,
    speakers: NDArray[np.intp],
    families: Sequence[Hashable],
    methods: Mapping[str, FusionMethod] = METHODS,
) -> Selection:
    """A method like the others that first chooses among them, by folds within its clips.

    Its honest estimate therefore includes the choice of the method.
    """
    name = DEFAULT
    if np.ptp(speakers) > 0 and not absent_classes(labels, probabilities.shape[-1]):
        candidates = CandidateEpochs.from_probabilities(
            [values[None] for values in probabilities], labels, speakers, families=families
        )
        compared = {name: methods[name] for name in COMPARED}
        name = choose(compare_methods(candidates, compared, n_folds=INNER_FOLDS, fit=False))
    return methods[name](probabilities, labels, speakers=speakers, families=families)


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
        method: A key of `METHODS`, or `chosen`, which compares them first.
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
    methods = {**METHODS, "chosen": chosen}
    if method not in methods:
        raise ValueError(f"method must be one of {sorted(methods)}, got {method!r}")
    return estimate_library(
        library,
        methods[method],
        name=method,
        apparent=fit_on_all(library, methods[method])[1],
        references=REFERENCES,
        n_folds=n_folds,
        n_resamples=n_resamples,
        interval_method=interval_method,
        seed=seed,
    )

"""What a fusion is worth on new speakers, told beside its apparent devel UAR.

The choice of every trial's best epoch, the selection and (where the method has them) bias,
temperature and the choice of the method itself are repeated without the speakers that judge:
in folds of speakers (nested selection), and in bootstrap samples of speakers (out of bag; Efron
and Tibshirani, "Improvements on cross-validation: the .632+ bootstrap method", JASA 1997). What
cannot be repeated is the search: it has seen every speaker of devel. What that leaves is
measured by `study.fusion.simulation`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from study.honest.candidates import Library
from study.honest.held_out import Split, bootstrap_splits, fold_splits, held_out_hits
from study.honest.honest_interval import nested_interval
from study.honest.method import Method
from study.metrics import compare, count_by_speaker, uar_of_probabilities
from study.metrics.intervals import Interval, IntervalMethod, interval_of_clips
from study.metrics.permutation_tests import Comparison
from study.metrics.speaker_counts import paired_difference
from study.progress import Told, counted, silent

__all__ = ["HonestValue", "estimate_library", "nested_interval", "out_of_bag_uar"]

ONE_SPEAKER = "one speaker: clips of that speaker judge, so the value still flatters"
REFERENCES = {"single": "the best single trial", "uniform": "the average of all candidates"}
NO_SPEAKERS = "clips treated as independent; too narrow, and the value still flatters"


@dataclass(frozen=True)
class HonestValue:
    """A fusion's apparent and honest UAR, all in [0, 1].

    Args:
        method: Name of the fusion's method.
        apparent: UAR on the clips that chose it.
        nested: Nested UAR with its interval: the honest value.
        out_of_bag: UAR of the speaker bootstrap, out of bag; None when not asked for.
        single_apparent: UAR of the apparently best single trial.
        single: Nested UAR of the best single trial, chosen in the same folds.
        gain: Nested UAR of the fusion minus that of the best single trial.
        gain_se: Its standard error over speakers; None with fewer than 5.
        n_candidates: Number of candidates chosen from.
        n_folds: Number of folds.
        comparisons: The fusion against the best single trial and the average of all, all chosen
            in the same folds.
        note: What a reader must know, empty when all is well.
    """

    method: str
    apparent: float
    nested: Interval
    out_of_bag: float | None
    single_apparent: float
    single: Interval
    gain: float
    gain_se: float | None
    n_candidates: int
    n_folds: int
    comparisons: tuple[Comparison, ...] = ()
    note: str = ""

    @property
    def optimism(self) -> float:
        """By how much the apparent value flatters, as far as re-choosing can show it."""
        return self.apparent - self.nested.uar

    def to_json(self) -> dict[str, Any]:
        """Plain values for `ensemble.json`, MLflow and the bundle, the sentence among them."""
        comparisons = [comparison.to_json() for comparison in self.comparisons]
        return {
            **asdict(self),
            "comparisons": comparisons,
            "optimism": self.optimism,
            "sentence": self.sentence(),
        }

    def sentence(self) -> str:
        """The value in words, for the terminal, MLflow, the report and the bundle."""
        bag = "" if self.out_of_bag is None else f", out of bag {100 * self.out_of_bag:.1f} %"
        spread = "" if self.gain_se is None else f" (standard error {100 * self.gain_se:.1f})"
        verb = "gains" if self.gain >= 0 else "loses"
        note = f" Note: {self.note}." if self.note else ""
        return (
            f"Apparent devel UAR {100 * self.apparent:.1f} %; chosen again without the clips that "
            f"judge ({self.n_folds} folds): {self.nested.sentence()}{bag}. "
            f"Best single trial, chosen the same way: {100 * self.single.uar:.1f} % "
            f"(apparent {100 * self.single_apparent:.1f} %); the fusion {verb} "
            f"{abs(100 * self.gain):.1f} points{spread}.{note}"
        )


def estimate_library(
    library: Library,
    method: Method,
    *,
    name: str,
    references: Mapping[str, Method],
    n_folds: int = 10,
    n_resamples: int = 25,
    interval_method: IntervalMethod = "expanded",
    seed: int = 0,
    told: Told = silent,
) -> HonestValue:
    """The honest value of a fusion by any method.

    Args:
        library: The candidates.
        method: The whole fusion.
        name: What to call it.
        references: `single` and `uniform`: the best single trial and the average of all
            candidates, chosen in the same folds.
        n_folds: Most folds; at most one per speaker.
        n_resamples: Bootstrap samples for the out-of-bag value; 0 leaves it out.
        interval_method: As in `study.metrics.intervals.interval`.
        seed: Of folds and resampling.
        told: Is given how many fits are done, of how many.

    Raises:
        ValueError: When there are fewer than two clips.
    """
    methods = {"fusion": method, **{key: references[key] for key in REFERENCES}}
    folds = fold_splits(library.labels, library.folded, n_folds=n_folds, seed=seed)
    total = len(folds) + n_resamples
    hits = held_out_hits(library, methods, counted(folds, told, total=total))
    intervals = {
        key: _interval(library, values, interval_method, seed) for key, values in hits.items()
    }
    counts = [
        count_by_speaker(library.labels, hits[key], library.units) for key in ("fusion", "single")
    ]
    gain, gain_se = paired_difference(*counts)
    bag = None
    if n_resamples:
        splits = bootstrap_splits(
            library.labels, library.folded, n_resamples=n_resamples, seed=seed
        )
        rest = counted(splits, told, total=total, before=len(folds))
        bag = out_of_bag_uar(library, method, rest)
    return HonestValue(
        method=name,
        apparent=_apparent(library, method),
        nested=intervals["fusion"],
        out_of_bag=bag,
        single_apparent=_apparent(library, methods["single"]),
        single=intervals["single"],
        gain=gain,
        gain_se=gain_se,
        n_candidates=len(library.groups),
        n_folds=len(folds),
        comparisons=tuple(
            compare(
                library.labels,
                hits["fusion"],
                hits[other],
                library.units if library.grouped else None,
                names=("The fusion", called),
                seed=seed,
            )
            for other, called in REFERENCES.items()
        ),
        note="" if library.by_speaker else ONE_SPEAKER if library.grouped else NO_SPEAKERS,
    )


def _apparent(library: Library, method: Method) -> float:
    """UAR of a fusion on the clips that it was fitted on."""
    everything = np.arange(library.labels.size)
    probabilities = library.at(library.best_epochs(everything), everything)
    fitted = method(
        probabilities, library.labels, speakers=library.units, families=library.families
    )
    return float(uar_of_probabilities(fitted.scores(probabilities), library.labels))


def _interval(
    library: Library, hits: NDArray[np.float64], method: IntervalMethod, seed: int
) -> Interval:
    if not library.grouped:
        return interval_of_clips(library.labels, hits, method=method, seed=seed)
    counts = count_by_speaker(library.labels, hits, library.units)
    return nested_interval(counts, method=method, seed=seed)


def out_of_bag_uar(library: Library, method: Method, splits: Iterable[Split]) -> float | None:
    """UAR of the shares of recognitions out of bag; None when no class was judged."""
    hits = held_out_hits(library, {"fusion": method}, splits)["fusion"]
    judged = ~np.isnan(hits)
    if not judged.any():
        return None
    codes = library.labels[judged]
    return float(np.mean([hits[judged][codes == code].mean() for code in np.unique(codes)]))

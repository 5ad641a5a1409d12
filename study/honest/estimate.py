"""The honest value of a fusion: its UAR on speakers that took no part in choosing it.

A study tries hundreds of trials, takes each one's best epoch and fuses the best of them, all on the
devel clips. What that fusion is worth is told by three UARs over its classes c, of clips i with
label y_i and hits h_i in [0, 1]:

    UAR = 1/C * sum_c 1/n_c * sum_{i: y_i = c} h_i, in [0, 1]

    apparent    h_i = [argmax F(x_i) = y_i], of the fusion F of all clips.
    nested      h_i = [argmax F_k(x_i) = y_i], i in fold k of speakers, of the fusion F_k of the
                clips outside it, chosen again from the epochs on: the honest value.
    out of bag  h_i = 1/|B_i| * sum_{b in B_i} [argmax F_b(x_i) = y_i], of the fusions F_b of those
                bootstrap samples of speakers, B_i, that lack the speaker of clip i.

The apparent value flatters: by 4 points with 20 devel speakers, by 10 with 5 (simulated, see
docs/honest-estimates.md). The nested value is that of nested cross-validation (Varma and Simon,
"Bias in error estimation when using cross-validation for model selection", BMC Bioinformatics
2006). The value out of bag is a second opinion, a little too low since a sample holds only 63 % of
the speakers: the leave-one-out bootstrap of Efron and Tibshirani, "Improvements on
cross-validation: the .632+ bootstrap method", JASA 1997, without their correction, which mixes in
the apparent value. What cannot be chosen again is the search, which has seen every devel speaker:
see `search_note`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike

from study.honest.candidates import CandidateEpochs
from study.honest.held_out import Split, bootstrap_splits, fold_splits, held_out_hits
from study.honest.method import Fitted, Method
from study.metrics import compare, count_by_speaker, uar_of_probabilities
from study.metrics.intervals import Interval, IntervalMethod, interval_of_correct
from study.metrics.permutation_tests import Comparison
from study.metrics.speaker_counts import paired_difference
from study.metrics.uar import uar_of_correct
from study.progress import Progress, no_progress, with_progress

F = TypeVar("F", bound=Fitted)

ONE_SPEAKER = "one speaker: clips of that speaker judge, so the value still flatters"
NO_SPEAKERS = "clips treated as independent; too narrow, and the value still flatters"
REFERENCES = {"single": "the best single trial", "uniform": "the average of all candidates"}

# Both measured by `tests/simulation` (docs/honest-estimates.md).
# The squared error of the nested UAR exceeds its squared standard error over speakers by about
# 6 / n_speakers of it: resampling does not see that other speakers would choose another fusion.
SELECTION_EXCESS = 6.0
# Devel speakers -> nested minus true UAR after an adaptive search.
MEASURED = {5: 0.011, 10: 0.006, 15: 0.004, 20: 0.003, 40: 0.001}


@dataclass(frozen=True)
class HonestValue:
    """A fusion's apparent and honest UAR, all in [0, 1].

    Args:
        method: Name of the fusion's method.
        apparent: UAR on the clips that chose it.
        nested: Nested UAR with its interval: the honest value.
        out_of_bag: UAR of the speaker bootstrap, out of bag; None when not requested.
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
        """By how much the apparent value flatters, as far as choosing again can show it."""
        return self.apparent - self.nested.uar

    def to_json(self) -> dict[str, Any]:
        """Plain values for `ensemble.json`, MLflow and the bundle, the sentence among them."""
        return {
            **asdict(self),
            "comparisons": [comparison.to_json() for comparison in self.comparisons],
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
    candidates: CandidateEpochs,
    method: Method,
    *,
    name: str,
    apparent: float,
    references: Mapping[str, Method],
    n_folds: int = 10,
    n_resamples: int = 25,
    interval_method: IntervalMethod = "expanded",
    seed: int = 0,
    progress: Progress = no_progress,
) -> HonestValue:
    """The honest value of a fusion by any method; its formulas stand at the top of this file.

    Args:
        candidates: What the fusion is chosen from.
        method: The whole choice: it is repeated in every fold and bootstrap sample.
        name: What to call it.
        apparent: UAR of the fusion on all clips (`fit_on_all`).
        references: `single` and `uniform`: the best single trial and the average of all
            candidates, chosen in the same folds.
        n_folds: Most folds; at most one per speaker.
        n_resamples: Bootstrap samples for the out-of-bag value; 0 leaves it out.
        interval_method: As in `study.metrics.interval`.
        seed: Of folds and resampling.
        progress: Is given how many fits are done, of how many.

    Raises:
        ValueError: When there are fewer than two clips.

    Twenty epochs of a trial that knows nothing; the best one looks better than guessing:

    >>> class First:
    ...     members = (0,)
    ...     def scores(self, probabilities):
    ...         return probabilities[0]
    >>> def method(probabilities, labels, *, speakers, families):
    ...     return First()
    >>> speakers, labels = np.arange(240) // 24, np.arange(240) % 2
    >>> epochs = np.random.default_rng(0).dirichlet([1, 1], (20, 240))
    >>> candidates = CandidateEpochs.from_probabilities([epochs], labels, speakers)
    >>> value = estimate_library(
    ...     candidates, method, name="one trial", apparent=fit_on_all(candidates, method)[1],
    ...     references={"single": method, "uniform": method},
    ... )
    >>> print(f"{value.apparent:.3f} {value.nested.uar:.3f} {value.out_of_bag:.3f}")
    0.558 0.512 0.506
    """
    methods = {"fusion": method, **{key: references[key] for key in REFERENCES}}
    labels, groups = candidates.labels, candidates.fold_groups
    folds = fold_splits(labels, groups, n_folds=n_folds, seed=seed)
    total = len(folds) + n_resamples
    hits = held_out_hits(candidates, methods, with_progress(folds, progress, total=total))
    nested, single = (
        nested_interval(candidates, hits[key], method=interval_method, seed=seed)
        for key in ("fusion", "single")
    )
    counts = {key: count_by_speaker(labels, hits[key], candidates.groups) for key in methods}
    gain, gain_se = paired_difference(counts["fusion"], counts["single"])
    beside = partial(compare, labels, hits["fusion"], speakers=candidates.speakers, seed=seed)
    samples = bootstrap_splits(labels, groups, n_resamples=n_resamples, seed=seed)
    samples = with_progress(samples, progress, total=total, before=len(folds))
    by_speaker = candidates.has_speakers and candidates.n_groups > 1
    return HonestValue(
        method=name,
        apparent=apparent,
        nested=nested,
        out_of_bag=out_of_bag_uar(candidates, method, samples),
        single_apparent=fit_on_all(candidates, references["single"])[1],
        single=single,
        gain=gain,
        gain_se=gain_se,
        n_candidates=len(candidates.seeds),
        n_folds=len(folds),
        comparisons=tuple(
            beside(hits[key], names=("The fusion", called)) for key, called in REFERENCES.items()
        ),
        note="" if by_speaker else ONE_SPEAKER if candidates.has_speakers else NO_SPEAKERS,
    )


def fit_on_all(candidates: CandidateEpochs, method: Callable[..., F]) -> tuple[F, float]:
    """The fusion of all clips, each trial at its best epoch, and its apparent UAR."""
    probabilities = candidates.predictions_at(candidates.best_epochs())
    labels, groups = candidates.labels, candidates.groups
    fitted = method(probabilities, labels, speakers=groups, families=candidates.families)
    return fitted, float(uar_of_probabilities(fitted.scores(probabilities), labels))


def out_of_bag_uar(
    candidates: CandidateEpochs, method: Method, samples: Iterable[Split]
) -> float | None:
    """UAR of the hits out of bag, over the clips that some sample left out; None without any."""
    hits = held_out_hits(candidates, {"": method}, samples)[""]
    judged = ~np.isnan(hits)
    return float(uar_of_correct(candidates.labels[judged], hits[judged])) if judged.any() else None


def nested_interval(
    candidates: CandidateEpochs,
    hits: ArrayLike,
    *,
    method: IntervalMethod = "expanded",
    seed: int = 0,
) -> Interval:
    """Nested UAR with its interval over S speakers, wider by sqrt(1 + 6 / S) for the choice.

    Without speakers it is over clips, and not widened; with fewer than 5 there are no bounds.
    """
    widen = np.sqrt(1 + SELECTION_EXCESS / candidates.n_groups) if candidates.has_speakers else 1.0
    return interval_of_correct(
        candidates.labels, hits, candidates.speakers, method=method, seed=seed, widen=float(widen)
    )


def search_note(n_speakers: int | None) -> str:
    """A sentence on the bias that the search leaves in an honest value.

    Args:
        n_speakers: Number of devel speakers, None when they are not known.

    >>> search_note(24)[78:115]
    'in simulations with 20 devel speakers'
    """
    head = "The search has seen every devel speaker, and choosing again cannot undo that: "
    if n_speakers is None:
        return (
            "The search has seen every devel clip, and choosing again cannot undo that; speakers "
            "are not known, so the honest value flatters by an unknown amount."
        )
    nearest = max((n for n in MEASURED if n <= n_speakers), default=None)
    if nearest is None:
        return head + "with so few speakers the honest value still flatters by an unknown amount."
    return head + (
        f"in simulations with {nearest} devel speakers, 30 trials and an adaptive search this left "
        f"the honest value {100 * MEASURED[nearest]:.1f} points too high on average."
    )

"""The fusion of a study: which candidates, by which method and decision, and what it is worth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from study.config import EnsembleConfig
from study.fusion.choice import MethodRow, compare_methods
from study.fusion.diversity import Diversity, diversity
from study.fusion.methods.decision import Decision
from study.fusion.methods.decision_wrappers import with_decision
from study.fusion.methods.limits import Limits
from study.fusion.methods.references import best_single, top_k, uniform
from study.fusion.methods.selection import Selection
from study.fusion.methods.table import DEFAULT, REFERENCES, fusion_methods
from study.fusion.study_candidates import StudyCandidates
from study.honest import HonestValue, estimate_library
from study.metrics.permutation_tests import Comparison, compare_best_of
from study.progress import report_time_left


@dataclass(frozen=True)
class References:
    """What the fusion is printed beside, each selected from the same candidates."""

    best_single: Selection
    uniform: Selection
    top_k: Selection


@dataclass(frozen=True)
class Fusion:
    """A fusion and what is known of it.

    Args:
        selection: Members, rule, path and apparent UAR.
        decision: The decision rule that was tried, used or not; None where it is switched off.
        references: Simpler choices from the same candidates.
        library: The candidates.
        honest: What the whole choice is worth.
        best_of: The best trial against a reference fixed beforehand, corrected for the number of
            trials; None without speakers.
        diversity: How differently the members err.
        methods: The compared methods; empty where they were not compared.
        limits: What the members may cost together.
    """

    selection: Selection
    decision: Decision | None
    references: References
    library: StudyCandidates
    honest: HonestValue
    best_of: Comparison | None
    diversity: Diversity
    methods: tuple[MethodRow, ...] = ()
    limits: Limits | None = None


def fuse(
    library: StudyCandidates,
    config: EnsembleConfig | None = None,
    *,
    limits: Limits | None = None,
    compare: bool = False,
    echo: Callable[[str], None] = lambda line: None,
) -> Fusion:
    """Select the fusion and its references, and estimate what the whole choice is worth.

    Args:
        library: The candidates.
        config: Method, most members, decision and seed; the defaults when None.
        limits: What the members may cost together.
        compare: Compare all methods.
        echo: Is given a line now and then, where it takes long.
    """
    config = config or EnsembleConfig()
    pool = library.pool
    methods = fusion_methods(max_members=config.max_members, limits=limits, seed=config.seed)
    rows: tuple[MethodRow, ...] = ()
    if compare:
        rows = compare_methods(
            pool,
            methods,
            seed=config.seed,
            progress=report_time_left("fusion: methods compared, fold", echo),
        )
    fit = repeated = methods[config.method]
    if config.decision:
        fit, repeated = with_decision(fit), with_decision(fit, calibrate=False)
    labels, groups = pool.labels, pool.groups
    fitted = fit(library.devel, labels, speakers=groups, families=pool.families)
    decision = fitted.rule.decision
    rule = fitted.rule
    if decision is not None and not decision.changes:
        rule = replace(rule, decision=None)
    honest = estimate_library(
        pool,
        repeated,
        name=config.method,
        apparent=fitted.uar,
        references=REFERENCES,
        seed=config.seed,
        progress=report_time_left("fusion: chosen again without the clips that judge,", echo),
    )
    method = fitted.method if config.method == DEFAULT else config.method
    return Fusion(
        replace(fitted, method=method, rule=rule),
        decision,
        References(*(simple(library.devel, labels) for simple in (best_single, uniform, top_k))),
        library,
        honest,
        _best_of(library, config.seed),
        diversity(library.devel[list(fitted.members)], labels),
        rows,
        limits,
    )


def _best_of(library: StudyCandidates, seed: int) -> Comparison | None:
    """The best epoch of all trials against the first baseline, or against guessing."""
    pool = library.pool
    if not pool.has_speakers:
        return None
    n_classes = library.devel.shape[-1]
    reference, name = np.full(pool.labels.size, 1 / n_classes), "guessing"
    if library.baseline is not None:
        epoch = int(pool.best_epochs()[library.baseline])
        reference = pool.correct[pool.starts[library.baseline] + epoch].astype(np.float64)
        name = "the first baseline"
    ends = [*pool.starts, len(pool.correct)]
    return compare_best_of(
        pool.labels,
        pool.correct[: ends[library.n_trials]],
        reference,
        pool.groups,
        names=("The best epoch of the best trial", name),
        n_trials=library.n_trials,
        seed=seed,
    )

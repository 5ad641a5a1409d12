"""The fusion of a study: selected, written and tracked, at its end or again without training."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from search_spaces.grammar.errors import InputError
from study.config import StudyConfig
from study.fusion.costs import candidate_limits
from study.fusion.files import record_of, write_fusion
from study.fusion.fuse import Fusion, fuse
from study.fusion.sentences import all_sentences
from study.fusion.study_candidates import read_library
from study.honest import HonestValue
from study.results import StudyLock, StudyResults, read_results
from study.results.leaderboard import write_leaderboard
from study.tracking.runs import FusionRun
from study.tracking.study_run import continue_tracker, describe_study
from study.tracking.tracker import Tracker


def select_fusion(
    config: StudyConfig,
    results: StudyResults,
    tracker: Tracker,
    *,
    compare: bool = False,
    echo: Callable[[str], None] = print,
) -> tuple[Fusion, dict[str, Any]] | None:
    """Select the fusion, write it and the leaderboard, log it; None where there is none to select.

    Args:
        config: The study.
        results: Its folder, whose lock the caller holds.
        tracker: MLflow.
        compare: Compare all methods, also where the study names one.
        echo: Prints a line now and then, where it takes long.

    Returns:
        The fusion and the content of `ensemble.json`.

    Raises:
        InputError: If no candidate keeps the limits.
    """
    started = time.time()
    chosen = config.ensemble
    limited = chosen.max_mb is not None or chosen.max_ms is not None
    library = read_library(results, only_trials=limited)
    if library is None:
        return None
    limits = candidate_limits(
        results, library.candidates, max_mb=chosen.max_mb, max_ms=chosen.max_ms
    )
    fusion = fuse(library, chosen, limits=limits, compare=compare, echo=echo)
    record = record_of(fusion, results, measure=chosen.max_ms is not None)
    folder = write_fusion(fusion, results, record)
    # Specs that were trained again are ranked by what the fusion has of them together.
    write_leaderboard(read_results(results.folder), results.folder / "leaderboard.csv")
    run = FusionRun(
        "fusion",
        {"n_candidates": record["n_candidates"], **chosen.model_dump(exclude={"method"}),
         "method": record["method"]},
        _metrics(record, fusion.honest),
        record["trajectory"],
        {path.name: path for path in sorted(folder.iterdir())},
        [*record["members"], *record["imported"]],
        started,
    )  # fmt: skip
    tracker.log_fusion(run)
    return fusion, record


def _metrics(record: Mapping[str, Any], honest: HonestValue) -> dict[str, float]:
    """What a fusion is worth, and what simpler choices are; no bounds with too few speakers."""
    references = record["references"]
    metrics = {
        "devel/uar": record["uar"],
        "devel/uar_honest": honest.nested.uar,
        "devel/uar_honest_low": honest.nested.low,
        "devel/uar_honest_high": honest.nested.high,
        "devel/gain_honest": honest.gain,
        "devel/uar_honest_best_single": honest.single.uar,
        "devel/uar_best_single": references["best_single"]["uar"],
        "devel/uar_uniform": references["uniform"]["uar"],
        "devel/uar_top_k": references["top_k"]["uar"],
    }
    return {name: value for name, value in metrics.items() if value is not None}


def select_again(
    folder: Path,
    config: StudyConfig,
    *,
    project: Path | None = None,
    compare: bool = False,
    report: Callable[[Path], Path] | None = None,
) -> tuple[Fusion, dict[str, Any]]:
    """Select the fusion of a study that is not running, without training.

    The report and the study's run in MLflow then show the new fusion.

    Args:
        folder: The study's results.
        config: What to select; may differ from what the study was run with.
        project: Of `study.locate.project_folder`: where its MLflow store may lie.
        compare: Compare all methods, also where the study names one.
        report: Writes the report of a results folder (`reports.write_report`).

    Returns:
        The fusion and the content of `ensemble.json`.

    Raises:
        InputError: If the study runs, no trial has ended with a result, or no candidate keeps the
            limits.
    """
    with StudyLock(folder, purpose="ensemble"):
        results = read_results(folder)
        tracker = continue_tracker(results, project)
        try:
            selected = select_fusion(config, results, tracker, compare=compare)
            if selected is not None:
                if report is not None:
                    report(folder)
                describe_study(tracker, results, all_sentences(selected[0]))
        finally:
            tracker.close("finished")
    if selected is None:
        raise InputError(f"{folder}: no trial has ended with a result to select from")
    return selected

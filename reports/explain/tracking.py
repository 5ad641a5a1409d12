"""An explanation in the study's MLflow store."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from study.results import StudyResults
from study.tracking.runs import ChildRun
from study.tracking.study_run import continue_tracker


def track_explanation(
    results: StudyResults,
    numbers: Mapping[str, Any],
    page: Path,
    *,
    report: Path,
    project: Path | None = None,
) -> str | None:
    """Write an explanation as a run with its page; return what could not be written.

    Args:
        results: The study.
        numbers: Content of `explain.json`.
        page: `explain.html`, beside which `explain.json` lies.
        report: The study's report, which has been drawn again with it.
        project: Of `study.locate.project_folder`: where its MLflow store may lie.
    """
    ended = page.stat().st_mtime
    metrics = {}
    for system in numbers["systems"]:
        metrics[f"devel/uar_{system['id']}_explained"] = system["uar"]
        for axis, part in system["axes"].items():
            agreement = part["rank_correlation"].get(part["map"], {}).get("removed")
            metrics[f"explain/rank_correlation_{system['id']}_{axis}"] = agreement
    run = ChildRun(
        kind="explain",
        key=f"{numbers['seed']}-{numbers['clips']['n']}",
        name=f"explanation on {numbers['clips']['n']} clips",
        params={"seed": numbers["seed"], "clips": numbers["clips"]["n"]},
        metrics=metrics,
        artifacts={page.name: page, "explain.json": page.with_suffix(".json")},
        started=ended - numbers["seconds"],
        ended=ended,
    )
    tracker = continue_tracker(results, project)
    tracker.log_child(run)
    tracker.log_report(report)
    return tracker.close("finished")

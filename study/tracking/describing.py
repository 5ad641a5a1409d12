"""What a study's run in MLflow says of it: fusion, leaderboard and a link to the report."""

from __future__ import annotations

from collections.abc import Sequence

from study.results import StudyResults
from study.text import percent
from study.tracking.tracker import Tracker, escape_markdown

__all__ = ["describe_study"]

MOST_ROWS = 20


def describe_study(tracker: Tracker, results: StudyResults, sentences: Sequence[str]) -> None:
    """Put the leaderboard, the fusion and the report as it lies there into the parent run.

    Args:
        tracker: MLflow.
        results: The study.
        sentences: What is said of its fusion; none where there was nothing to select from.
    """
    lines = [f"**{escape_markdown(results.name)}**: {len(results.ranked)} ranked trials", ""]
    lines += [line for text in sentences for line in (escape_markdown(text), "")]
    lines += ["| trial | system | devel UAR |", "|---|---|---|"]
    lines += [
        f"| {t.number:03d} | {escape_markdown(t.name)} | {percent(t.uar)} |"
        for t in results.ranked[:MOST_ROWS]
    ]
    report = results.folder / "report.html"
    tracker.describe("\n".join(lines), report=report if report.is_file() else None)

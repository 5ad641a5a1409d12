"""The report of a study: `report.html` in its results folder."""

from __future__ import annotations

from pathlib import Path

from reports.page.render import render
from reports.sections import sections
from reports.summary import summary
from study.files import replace_text
from study.results import StudyResults, read_results


def write_report(study_folder: Path) -> Path:
    """Write `report.html` of a results folder, finished or being written, and return its path.

    The file is replaced as a whole: a reader sees the old page or the new one.

    Raises:
        InputError: The folder is no results folder, or a file in it is damaged.
    """
    results = read_results(study_folder)
    return replace_text(Path(study_folder) / "report.html", page(results))


def page(results: StudyResults) -> str:
    """The report as HTML."""
    return render(summary(results), sections(results))

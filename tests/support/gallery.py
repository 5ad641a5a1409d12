"""Figures of a report as images: `PYTHONPATH=tests python -m support.gallery RESULTS FOLDER`.

Drawn by Chromium, which must be installed, from the report's own page.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from reports.report import write_report
from support.chromium import Chromium

__all__ = ["picture_mlflow", "write_gallery"]

HEAD_HEIGHT = 900  # CSS pixels of the page's head
DRAWN = "document.documentElement.dataset.drawn !== undefined"
WITH_FIGURES = "[...document.querySelectorAll('main > section:has(figure)')].map(s => s.id)"
RUNS = "document.querySelector('[row-id] a')"
COLUMNS = ("metrics.`devel/uar_best`", "params.`scale`", "params.`channels`", "params.`backbone`")
# What MLflow 3 remembers of a reader: the columns of its table, and that its assistant is open.
REMEMBERED = """(selectedColumns => {
  for (const key of Object.keys(localStorage).filter(k => k.includes("-ExperimentPage-")))
    localStorage[key] = JSON.stringify({...JSON.parse(localStorage[key]), selectedColumns});
  localStorage["mlflow.assistant.panelOpen_v1"] = "false";
})(%s)"""
TABLES_AND_BUTTONS = "document.querySelectorAll('.save, section .scroll:has(table)')"


def write_gallery(study_folder: Path, folder: Path, *, width: int = 1000) -> list[Path]:
    """Write `report.png`, the head of the page, and a PNG for every section that has figures.

    Args:
        study_folder: The study's results.
        folder: Where the images go; made where it is not there.
        width: Of the page, in CSS pixels.

    Raises:
        InputError: If Chromium is not installed, or the folder is no results folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    with Chromium(width=width, height=HEAD_HEIGHT) as browser:
        browser.open(write_report(study_folder).resolve().as_uri(), until=DRAWN)
        browser.ask(f"{TABLES_AND_BUTTONS}.forEach(element => element.remove())")
        names = browser.ask(WITH_FIGURES)
        pictures = {f"report-{name}": f"section#{name}" for name in names}
        for name, selector in {"report": "header", **pictures}.items():
            picture = browser.picture([selector], margin=12, height=HEAD_HEIGHT)
            path = folder / f"{name}.png"
            path.write_bytes(picture)
            written.append(path)
    return written


def picture_mlflow(address: str, path: Path) -> Path:
    """Write a PNG of a page of MLflow's interface, once it lists runs with their UAR."""
    with Chromium(width=1200, height=700) as browser:
        browser.open(address, until=RUNS)
        browser.ask(REMEMBERED % json.dumps(COLUMNS))
        # Loaded again from the same site: another process may see late what this one has stored.
        page, hash_, route = address.partition("#")
        shown = f"{RUNS} && document.body.innerText.includes('devel/uar_best')"
        browser.open(f"{page}?again{hash_}{route}", until=shown)
        path.write_bytes(browser.picture())
    return path


def main() -> None:
    """Write a gallery and list its files."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("results", type=Path, help="a results folder")
    parser.add_argument("folder", type=Path, help="where the images go")
    parser.add_argument(
        "--mlflow", metavar="ADDRESS", help="also mlflow.png: what `spectune ui` prints"
    )
    chosen = parser.parse_args()
    for path in write_gallery(chosen.results, chosen.folder):
        print(path)
    if chosen.mlflow:
        print(picture_mlflow(chosen.mlflow, chosen.folder / "mlflow.png"))


if __name__ == "__main__":
    main()

"""The figures of the report by name, each drawn alone.

A figure is called as in the report: by its section, and what follows a hyphen tells several apart.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import plotly.graph_objects as go

from reports.page.section import Section
from reports.sections import SECTIONS, Material
from search_spaces.grammar.errors import InputError
from study.results import StudyResults

# Name -> what a figure that has no section yet waits for.
FIGURES = {
    "fusion": "the fusion with which `spectune run` ends",
    "worth": "a fusion whose honest value is known, with which `spectune run` ends",
    "test-1": "test labels, which `spectune score` reads",
    "test-2": "test labels of the refit, which `spectune score` reads",
    "history": "a trial that has ended with a UAR",
    "curves": "a trial that has reported an epoch",
    "importance": "enough trials that have ended with a UAR",
    "importance-parameters": "enough trials that have ended with a UAR",
    "values": "an importance that can be trusted",
    "parallel": "trials with different parameters",
    "heatmap": "trials with different parameters",
    "confusion-1": "devel predictions with labels",
    "confusion-2": "devel predictions of a fusion and of a trial",
    "speakers": "devel predictions of clips whose speakers are known",
    "speakers-all": "devel predictions of more speakers",
    "calibration": "devel predictions with labels",
    "frequencies-map": "an explanation of a network, by `spectune explain`",
    "frequencies-occlusion": "an explanation, by `spectune explain`",
    "frequencies-deletion": "an explanation, by `spectune explain`",
    "check": "the check of the corpus, with which `spectune run` begins",
}
TITLE_PIXELS = 40


class Figures:
    """The figures of a study's report, each a method that returns a plotly Figure.

    They stand by themselves, with their heading as title; `importance_parameters` is the report's
    `importance-parameters`.

    Args:
        results: The study.
    """

    def __init__(self, results: StudyResults) -> None:
        self._material = Material(results)  # what was computed for one figure serves the next

    def __dir__(self) -> list[str]:
        return sorted(name.replace("-", "_") for name in FIGURES)

    def __getattr__(self, name: str) -> Callable[[], go.Figure]:
        if name.startswith("_") or name not in dir(self):
            raise AttributeError(f"the report has no figure {name!r}, only {', '.join(dir(self))}")
        return partial(self._draw, name.replace("_", "-"))

    def _draw(self, name: str) -> go.Figure:
        """Draw a figure.

        Raises:
            InputError: It cannot be drawn yet, with the reason.
        """
        found = SECTIONS[name.partition("-")[0]](self._material)
        for section in found:
            for panel in section.panels:
                if panel.name == name:
                    title = ": ".join(filter(None, (section.title, panel.heading)))
                    return _alone(go.Figure(panel.figure), title)
        folder = self._material.results.folder
        raise InputError(f"{folder}: no figure {name} yet: {_reason(name, found)}")


def _reason(name: str, found: list[Section]) -> str:
    """The section's own note where it says why it has no figure."""
    notes = [section.note for section in found if section.note and not section.panels]
    return notes[0] if notes else f"it takes {FIGURES[name]}"


def _alone(figure: go.Figure, title: str) -> go.Figure:
    """A figure of the page with what the page adds to it: a title, and room for its labels."""
    top = (figure.layout.margin.t or 0) + TITLE_PIXELS
    place = {"x": 0, "xref": "container", "xanchor": "left", "y": 1, "yanchor": "top"}
    figure.update_layout(title={"text": title, "pad": {"l": 10, "t": 10}, **place}, margin_t=top)
    figure.update_xaxes(automargin=True)
    figure.update_yaxes(automargin=True)
    return figure

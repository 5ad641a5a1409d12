"""Learning curves: devel UAR by epoch."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import plotly.graph_objects as go

from reports.page.section import Panel, Section
from reports.page.text import inert, percent
from reports.page.theme import COLOURS, GREY, figure
from study.results import StudyResults, TrialRecord

MOST_CURVES = 200  # in grey; more would only darken the picture
HIGHLIGHTED = len(COLOURS)


class Curves(NamedTuple):
    """The best trials, best first, the others, and how many more were left out."""

    best: tuple[TrialRecord, ...]
    others: tuple[TrialRecord, ...]
    left_out: int


def curves_section(results: StudyResults) -> Section:
    """The section of learning curves."""
    numbers = curves(results)
    left_out = numbers.left_out if numbers else 0
    note = f"{left_out} curves are left out." if left_out else ""
    return Section(
        "curves",
        "Learning curves",
        "Devel UAR by epoch: of the trials with more than one, the five best in colour with a star "
        "at their best epoch, the others in grey.",
        (Panel("curves", curves_figure(numbers)),) if numbers else (),
        note=note if numbers else "No trial has told more than one epoch.",
    )


def curves(results: StudyResults) -> Curves | None:
    """The trials with more than one epoch that has a UAR; None when there is none."""
    order = [*results.ranked, *(trial for trial in results.trials if not trial.ranked)]
    known = [trial for trial in order if sum(map(math.isfinite, trial.uar_per_epoch)) > 1]
    if not known:
        return None
    shown = known[: HIGHLIGHTED + MOST_CURVES]
    return Curves(tuple(shown[:HIGHLIGHTED]), tuple(shown[HIGHLIGHTED:]), len(known) - len(shown))


def curves_figure(numbers: Curves) -> go.Figure:
    """The best trials in colour with their best epoch marked, all others in grey."""
    grey = {"mode": "lines", "hoverinfo": "text", "opacity": 0.45, "line_color": GREY}
    grey |= {"name": "other trials", "legendgroup": "others", "line_width": 1}
    traces = [
        _curve(trial, **grey, showlegend=place == 0) for place, trial in enumerate(numbers.others)
    ]
    for trial, colour in reversed(list(zip(numbers.best, COLOURS, strict=False))):
        epochs = range(1, len(trial.uar_per_epoch) + 1)
        sizes = [13 if epoch == trial.best_epoch else 0 for epoch in epochs]
        coloured = {
            "mode": "lines+markers",
            "hoverinfo": "text+y",
            "name": inert(f"{trial.number:03d} {trial.name}", longest=48),
            "line": {"color": colour, "width": 2},
            "marker": {"color": colour, "symbol": "star", "size": sizes},
        }
        traces.append(_curve(trial, **coloured))
    return figure(
        traces,
        height=480,
        xaxis={"title": "epoch", "tickformat": "d"},
        yaxis={"title": "devel UAR (%)", "hoverformat": ".1f"},
        legend={"orientation": "h", "y": -0.22, "x": 0, "traceorder": "reversed"},
    )


def _curve(trial: TrialRecord, **look: Any) -> go.Scatter:
    """A trial's UAR by epoch, with a gap where an epoch has none."""
    uars = trial.uar_per_epoch
    best = percent(max(filter(math.isfinite, uars)))
    text = inert(f"trial {trial.number}: {trial.name}, {trial.state}, best {best}")
    heights = [round(100 * uar, 2) if math.isfinite(uar) else None for uar in uars]
    return go.Scatter(x0=1, dx=1, y=heights, text=text, **look)

"""Learning curves: devel UAR by epoch."""

from __future__ import annotations

import math
from typing import NamedTuple

import plotly.graph_objects as go

from reports.page.section import Panel, Section
from reports.page.text import inert, percent
from reports.page.theme import BLUE, GREEN, GREY, OCHRE, PURPLE, VERMILION, figure
from study.results import StudyResults

__all__ = ["Curve", "Curves", "curves", "curves_figure", "curves_section"]

MOST_CURVES = 200  # in grey; more would only darken the picture
COLOURS = (VERMILION, BLUE, GREEN, PURPLE, OCHRE)
HIGHLIGHTED = len(COLOURS)


class Curve(NamedTuple):
    """One trial's devel UAR per epoch, NaN where it was not told."""

    trial: int
    name: str
    state: str
    uar_per_epoch: tuple[float, ...]
    best_epoch: int | None  # from 1


class Curves(NamedTuple):
    """The best trials, best first, the others, and how many more were left out."""

    best: tuple[Curve, ...]
    others: tuple[Curve, ...]
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
    """Learning curves of all trials with more than one epoch; None when there is none."""
    order = [*results.ranked, *(trial for trial in results.trials if not trial.ranked)]
    known = [
        Curve(t.number, t.name, t.state, t.uar_per_epoch, t.best_epoch)
        for t in order
        if sum(map(math.isfinite, t.uar_per_epoch)) > 1
    ]
    if not known:
        return None
    shown = known[: HIGHLIGHTED + MOST_CURVES]
    return Curves(tuple(shown[:HIGHLIGHTED]), tuple(shown[HIGHLIGHTED:]), len(known) - len(shown))


def curves_figure(numbers: Curves) -> go.Figure:
    """The best trials in colour with their best epoch marked, all others in grey."""
    traces: list[go.Scatter] = []
    for place, curve in enumerate(numbers.others):
        traces.append(
            go.Scatter(
                x0=1,
                dx=1,
                y=_percent(curve),
                text=_label(curve),
                hoverinfo="text",
                mode="lines",
                name="other trials",
                legendgroup="others",
                showlegend=place == 0,
                opacity=0.45,
                line={"color": GREY, "width": 1},
            )
        )
    for place, curve in reversed(list(enumerate(numbers.best))):
        colour = COLOURS[place]
        traces.append(
            go.Scatter(
                x0=1,
                dx=1,
                y=_percent(curve),
                mode="lines+markers",
                name=inert(f"{curve.trial:03d} {curve.name}", longest=48),
                text=_label(curve),
                hoverinfo="text+y",
                line={"color": colour, "width": 2},
                marker={
                    "color": colour,
                    "symbol": "star",
                    "size": [
                        13 if epoch == curve.best_epoch else 0
                        for epoch in range(1, len(curve.uar_per_epoch) + 1)
                    ],
                },
            )
        )
    return figure(
        traces,
        height=480,
        xaxis={"title": {"text": "epoch"}, "tickformat": "d"},
        yaxis={"title": {"text": "devel UAR (%)"}, "hoverformat": ".1f"},
        legend={"orientation": "h", "y": -0.22, "x": 0, "traceorder": "reversed"},
    )


def _percent(curve: Curve) -> list[float | None]:
    return [round(100 * uar, 2) if math.isfinite(uar) else None for uar in curve.uar_per_epoch]


def _label(curve: Curve) -> str:
    best = max(filter(math.isfinite, curve.uar_per_epoch))
    return inert(f"trial {curve.trial}: {curve.name}, {curve.state}, best {percent(best)}")

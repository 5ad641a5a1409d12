"""How the search went: UAR by trial, pruned and failed trials, the best so far."""

from __future__ import annotations

from itertools import accumulate
from typing import NamedTuple

import plotly.graph_objects as go

from reports.page.section import Panel, Section
from reports.page.text import inert, percent
from reports.page.theme import BLUE, GREY, VERMILION, figure, spots
from study.results import StudyResults

LOOKS = {
    "complete": ("complete", "circle", BLUE),
    "pruned": ("pruned (best epoch so far)", "triangle-down-open", GREY),
    "failed": ("failed (no UAR)", "x", VERMILION),
}


class Point(NamedTuple):
    """One trial; `uar` is None where it failed."""

    trial: int
    name: str
    state: str
    uar: float | None


class History(NamedTuple):
    """The ended trials in order, and the best UAR up to each (None before the first)."""

    points: tuple[Point, ...]
    best_so_far: tuple[float | None, ...]


def history_section(results: StudyResults) -> Section:
    """The section of the search's course."""
    numbers = history(results)
    return Section(
        "history",
        "Optimisation history",
        "Every ended trial in the order of the search, and the best UAR so far.",
        (Panel("history", history_figure(numbers)),) if numbers else (),
        note="" if numbers else "No trial has ended with a UAR.",
    )


def history(results: StudyResults) -> History | None:
    """The ended trials in the order of their numbers; None when none has a UAR."""
    points = tuple(
        Point(t.number, t.name, t.state, t.uar if t.ranked else None)
        for t in results.trials
        if t.finished
    )
    if all(point.uar is None for point in points):
        return None
    best = accumulate((-1.0 if point.uar is None else point.uar for point in points), max)
    return History(points, tuple(None if uar < 0 else uar for uar in best))


def history_figure(numbers: History) -> go.Figure:
    """Points by state, failed trials as crosses at the foot, the best so far as a step line."""
    known = [point.uar for point in numbers.points if point.uar is not None]
    foot = min(known, default=0.0) - 0.06 * (max(known, default=1.0) - min(known, default=0.0))
    traces: list[go.Scatter] = []
    for state, (name, symbol, colour) in LOOKS.items():
        points = [point for point in numbers.points if point.state == state]
        heights = [100 * (foot if point.uar is None else point.uar) for point in points]
        texts = [inert(f"trial {p.trial}: {p.name}, {percent(p.uar)}") for p in points]
        marker = {"symbol": symbol, "color": colour, "size": 9}
        if points:
            traces.append(
                spots([p.trial for p in points], heights, texts, name=name, marker=marker)
            )
    pairs = zip(numbers.points, numbers.best_so_far, strict=True)
    steps = [(point.trial, 100 * best) for point, best in pairs if best is not None]
    if steps:
        x, y = zip(*steps, strict=True)
        line = {"color": VERMILION, "width": 2, "shape": "hv"}
        best = go.Scatter(x=x, y=y, mode="lines", line=line, name="best so far", hoverinfo="y")
        traces.append(best)
    return figure(
        traces,
        xaxis={
            "title": "trial",
            "tickformat": "d",
            "dtick": 1 if len(numbers.points) < 8 else None,
        },
        yaxis={"title": "devel UAR (%)", "ticksuffix": " ", "hoverformat": ".1f"},
    )

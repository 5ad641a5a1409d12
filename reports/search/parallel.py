"""Parallel coordinates: every trial a line over the parameters, to its UAR.

Drawn as plain lines (SVG) and not with plotly's own `parcoords`, which needs WebGL: so it prints,
saves as SVG, opens on a machine without a graphics driver, and tells a trial's name on hovering.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go

from reports.page.section import Panel, Section
from reports.page.text import cell, inert, percent
from reports.page.theme import GREY, figure, shade
from reports.search.dimensions import MISSING, Parameter, level, varied
from reports.search.importance import Importance
from reports.search.searched import usable_trials
from study.results import StudyResults, TrialRecord

MOST_AXES = 7  # beside UAR
CHOOSERS = ("backbone", "scale", "channels", "amplitude")  # first, where no importance is known
MOST_LINES = 150
MOST_LEVELS = 12
HEADING = 16  # characters between two axes
ABSENT = -0.14  # below the axis, which goes from 0 to 1


class Axis(NamedTuple):
    """A vertical axis from 0 to 1: a value and a position per line, and where its labels stand."""

    name: str
    values: tuple[str, ...]
    positions: tuple[float, ...]
    ticks: tuple[float, ...]
    labels: tuple[str, ...]


class Parallel(NamedTuple):
    """The axes, the last of them UAR, the trials from worst to best, and what was left out."""

    axes: tuple[Axis, ...]
    lines: tuple[TrialRecord, ...]
    lines_left_out: int
    axes_left_out: int


def parallel_section(results: StudyResults, weights: Importance | None) -> Section:
    """The section of parallel coordinates, the most important parameters first."""
    order = [bar.name for bar in weights.parameters] if weights and weights.trustworthy else []
    numbers = parallel(results, order)
    note = "Fewer than two trials with different parameters have a UAR."
    if numbers:
        parts = [
            f"{numbers.axes_left_out} other parameters" if numbers.axes_left_out else "",
            f"{numbers.lines_left_out} worse trials" if numbers.lines_left_out else "",
        ]
        left_out = " and ".join(part for part in parts if part)
        note = f"Left out: {left_out}." if left_out else ""
    return Section(
        "parallel",
        "Parallel coordinates",
        "Each line is a trial, from grey (worst) over blue and purple to orange (best); below an "
        "axis lie the trials without that parameter.",
        (Panel("parallel", parallel_figure(numbers)),) if numbers else (),
        note=note,
    )


def parallel(results: StudyResults, order: Sequence[str] = ()) -> Parallel | None:
    """The best trials over the parameters that varied; None with fewer than two trials.

    Args:
        results: The study.
        order: Names of parameters, most important first; what chose a branch comes next, then the
            others by dimension.
    """
    usable = sorted(usable_trials(results), key=lambda t: (t.uar or 0.0, -t.number))
    trials = usable[-MOST_LINES:]
    places = {name: place for place, name in enumerate(dict.fromkeys((*order, *CHOOSERS)))}
    parameters = sorted(varied(trials), key=lambda p: places.get(p.name, len(places)))
    if len(trials) < 2 or not parameters:
        return None
    shown = parameters[:MOST_AXES]
    uar = tuple(100 * (trial.uar or 0.0) for trial in trials)
    last = axis(Parameter("devel UAR (%)", "other", uar), logarithmic=False)
    axes = (*map(axis, shown), last)
    lines_left_out, axes_left_out = len(usable) - len(trials), len(parameters) - len(shown)
    return Parallel(axes, tuple(trials), lines_left_out, axes_left_out)


def axis(parameter: Parameter, *, logarithmic: bool | None = None) -> Axis:
    """Where the values lie: numbers to scale, else by level.

    A trial without the parameter lies below the axis.

    Args:
        parameter: Of the axis.
        logarithmic: Whether numbers lie by their logarithm; None: those of a wide positive range.
    """
    levels = parameter.levels
    if parameter.numeric:
        low, high = float(levels[0]), float(levels[-1])
        logarithmic = parameter.logarithmic if logarithmic is None else logarithmic

        def place(value: float) -> float:
            if high == low:
                return 0.5
            if logarithmic:
                return math.log(value / low) / math.log(high / low)
            return (value - low) / (high - low)

        positions = [ABSENT if v is MISSING else place(float(v)) for v in parameter.values]
        ticks = {place(v): cell(v) for v in _numeric_ticks(levels, logarithmic=logarithmic)}
    else:
        step = 1 / max(len(levels) - 1, 1)
        level_at = {text: place * step for place, text in enumerate(levels)}
        positions = [ABSENT if v is MISSING else level_at[level(v)] for v in parameter.values]
        skip = math.ceil(len(levels) / MOST_LEVELS)
        ticks = {at: text for text, at in list(level_at.items())[::skip]}
    if parameter.conditional:
        ticks[ABSENT] = "absent"
    values = tuple(map(level, parameter.values))
    return Axis(parameter.name, values, tuple(positions), tuple(ticks), tuple(ticks.values()))


def parallel_figure(numbers: Parallel) -> go.Figure:
    """Lines coloured by UAR, the best on top; labels stand at each axis."""
    goodness = numbers.axes[-1].positions if len({t.uar for t in numbers.lines}) > 1 else None
    last = len(numbers.axes) - 1
    traces: list[go.Scatter] = []
    for row, trial in enumerate(numbers.lines):
        good = goodness[row] if goodness else 1.0
        values = [inert(f"{a.name}: {a.values[row]}") for a in numbers.axes[:-1]]
        title = inert(f"trial {trial.number}: {trial.name}, {percent(trial.uar)}")
        traces.append(
            go.Scatter(
                x=list(range(last + 1)),
                y=[round(a.positions[row] + _spread(row, a), 4) for a in numbers.axes],
                mode="lines",
                text="<br>".join([title, *values]),
                hoverinfo="text",
                showlegend=False,
                opacity=0.35 + 0.6 * good**2,
                line={"color": shade(good), "width": 1 + 1.8 * good**3},
            )
        )
    notes = [
        {
            "x": place,
            "y": tick,
            "text": inert(label, longest=22),
            "showarrow": False,
            "xanchor": "right" if place == last else "left",
            "xshift": -4 if place == last else 4,
            "font": {"size": 11},
            "name": "halo",
        }
        for place, a in enumerate(numbers.axes)
        for tick, label in zip(a.ticks, a.labels, strict=True)
    ]
    lines = [
        {"type": "line", "x0": x, "x1": x, "y0": ABSENT, "y1": 1, "line": {"color": GREY}}
        for x in range(last + 1)
    ]
    return figure(
        traces,
        height=460,
        xaxis={
            "tickvals": list(range(last + 1)),
            "ticktext": [_heading(a.name) for a in numbers.axes],
            "side": "top",
            "tickangle": 0,
            "range": [-0.06, last + 0.06],
            "showgrid": False,
            "zeroline": False,
        },
        yaxis={"visible": False, "range": [ABSENT - 0.06, 1.06]},
        annotations=notes,
        shapes=lines,
        meta={"wide": True},
        margin={"l": 50, "r": 50, "t": 44, "b": 10},
    )


def _spread(row: int, a: Axis) -> float:
    """A little shift, so that lines through the same level do not hide each other."""
    crowded = len(set(a.positions)) <= MOST_LEVELS and a.name != "devel UAR (%)"
    return 0.018 * (row * 0.618034 % 1 - 0.5) * 2 if crowded else 0.0


def _heading(name: str) -> str:
    """A parameter's name on lines so short that neighbours do not meet."""
    if " " in name:
        return inert(name)
    lines: list[str] = []
    for part in re.findall(r"[^.]+\.?", name.removeprefix("augment.")):
        lines.append("")
        for word in re.findall(r"[^_]*_?", part):
            if len(lines[-1] + word) > HEADING:
                lines.append("")
            lines[-1] += word
    return "<br>".join(inert(line, longest=HEADING) for line in lines if line)


def _numeric_ticks(levels: Sequence[float], *, logarithmic: bool) -> list[float]:
    if len(levels) <= 6:
        return list(levels)
    spaced = np.geomspace if logarithmic else np.linspace
    return list(map(float, spaced(levels[0], levels[-1], 5)))

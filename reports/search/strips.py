"""Which way a parameter pulls: the UAR of every trial by the value it had, and the medians."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import plotly.graph_objects as go

from reports.page.section import Panel, Section
from reports.page.text import cell, inert, percent
from reports.page.theme import BLUE, GREY, VERMILION, figure
from reports.search.dimensions import MISSING, Parameter, fitted_at_once, level, varied
from reports.search.importance import Importance
from reports.search.searched import left_out_baselines, usable_trials
from study.results import StudyResults, TrialRecord

__all__ = ["Strip", "strips", "strips_figure", "strips_sections"]

MOST_STRIPS = 6
COLUMNS = 3
MOST_LEVELS = 8  # of a number that has a median for each; more are drawn together
N_GROUPS = 5  # of equally many trials, where a number has more levels
LEAST_GROUP = 5  # trials of which a median says something
SPREAD = 0.25  # how far points of a level stand apart, in levels
GAPS = (0.07, 0.3)  # between columns, and between rows: parts of the figure


class Strip(NamedTuple):
    """The trials that have a parameter, and medians of UAR over levels or ranges of it."""

    parameter: Parameter
    positions: tuple[float, ...]  # a number's value, else its level from 0
    uars: tuple[float, ...]
    pruned: tuple[bool, ...]
    texts: tuple[str, ...]  # what is told of each
    medians: tuple[tuple[float, float, float], ...]  # from, to, UAR


def strips_sections(results: StudyResults, numbers: Importance | None) -> list[Section]:
    """The section of single parameters, only where importance is to be trusted."""
    found = strips(results, numbers)
    if not found:
        return []
    return [
        Section(
            "values",
            "Which way it pulls",
            "Devel UAR by value of the most important parameters, among the trials that have them "
            "(an augmentation that is off counts as p = 0); lines are medians, of each value or of "
            "equally many trials. A search tries more of what was good, and values come together "
            "with others: a median proves no effect.",
            (Panel("values", strips_figure(found)),),
        )
    ]


def strips(results: StudyResults, numbers: Importance | None) -> tuple[Strip, ...]:
    """Of the most important parameters; none where importance is not to be trusted."""
    if numbers is None or not numbers.trustworthy:
        return ()
    usable = usable_trials(results)
    baselines = left_out_baselines(usable)
    trials = [trial for trial in usable if trial not in baselines]
    known = {parameter.name: parameter for parameter in varied(trials)}
    found = [_with_off(known[b.name], trials) for b in numbers.parameters if b.name in known]
    told = [
        (trial.uar or 0.0, trial.state == "pruned", f"trial {trial.number}: {trial.name}")
        for trial in trials
    ]
    return tuple(_strip(parameter, told) for parameter in found[:MOST_STRIPS])


def strips_figure(found: Sequence[Strip]) -> go.Figure:
    """A strip of points for each parameter, side by side, with one scale of UAR."""
    rows = math.ceil(len(found) / COLUMNS)
    traces: list[go.Scatter] = []
    layout: dict[str, Any] = {}
    for place, strip in enumerate(found):
        own = "" if place == 0 else str(place + 1)
        traces += _traces(strip, own, legend=place == 0)
        row, column = divmod(place, COLUMNS)
        layout[f"xaxis{own}"] = {
            **_axis(strip),
            "domain": _part(column, COLUMNS, GAPS[0]),
            "anchor": f"y{own}",
        }
        layout[f"yaxis{own}"] = {
            "domain": _part(rows - 1 - row, rows, GAPS[1]),
            "anchor": f"x{own}",
            "title": {"text": "" if column else "devel UAR (%)"},
            "showticklabels": column == 0,
            **({"matches": "y"} if place else {}),
        }
    margin = {"l": 10, "r": 14, "t": 40, "b": 10}
    return figure(traces, height=90 + 290 * rows, meta={"wide": True}, margin=margin, **layout)


def _with_off(parameter: Parameter, trials: Sequence[TrialRecord]) -> Parameter:
    """A switch as networks have it: off is a value, a probability of 0."""
    if not (parameter.switch and parameter.conditional):
        return parameter
    probable = parameter.name.endswith(".p")
    off = [MISSING if fitted_at_once(t) else 0.0 if probable else "off" for t in trials]
    on = [v if probable or v is MISSING else level(v) for v in parameter.values]
    values = (b if a is MISSING else a for a, b in zip(on, off, strict=True))
    return parameter._replace(values=tuple(values))


def _strip(parameter: Parameter, told: Sequence[tuple[float, bool, str]]) -> Strip:
    places = {one: place for place, one in enumerate(parameter.levels)}
    rows = [row for row, value in enumerate(parameter.values) if value is not MISSING]
    values = [parameter.values[row] for row in rows]
    positions = [float(v) if parameter.numeric else float(places[level(v)]) for v in values]
    uars = [told[row][0] for row in rows]
    return Strip(
        parameter,
        tuple(positions),
        tuple(uars),
        tuple(told[row][1] for row in rows),
        tuple(
            f"{told[row][2]}, {percent(told[row][0])}; {parameter.name}: {level(value)}"
            for row, value in zip(rows, values, strict=True)
        ),
        tuple(_medians(parameter, np.array(positions), np.array(uars))),
    )


def _medians(
    parameter: Parameter, positions: np.ndarray[Any, Any], uars: np.ndarray[Any, Any]
) -> list[tuple[float, float, float]]:
    """The median UAR of each level, or of groups of equally many trials of a number."""
    known = np.unique(positions)
    if parameter.numeric and len(known) > MOST_LEVELS:
        order = np.argsort(positions, kind="stable")
        groups = np.array_split(order, max(1, min(N_GROUPS, len(order) // LEAST_GROUP)))
        ends = [(positions[g].min(), positions[g].max(), g) for g in groups]
        return [(float(low), float(high), float(np.median(uars[g]))) for low, high, g in ends]
    return [(float(at), float(at), float(np.median(uars[positions == at]))) for at in known]


def _traces(strip: Strip, own: str, *, legend: bool) -> list[go.Scatter]:
    """Complete trials, pruned ones, and the medians as bars across."""
    spread = _spread(strip)
    found = []
    looks = {False: ("complete", "circle", BLUE), True: ("pruned", "triangle-down-open", GREY)}
    for state, (name, symbol, colour) in looks.items():
        rows = [row for row, pruned in enumerate(strip.pruned) if pruned == state]
        found.append(
            go.Scatter(
                x=[spread[row] for row in rows],
                y=[round(100 * strip.uars[row], 2) for row in rows],
                text=[inert(strip.texts[row], longest=120) for row in rows],
                hoverinfo="text",
                mode="markers",
                name=name,
                legendgroup=name,
                showlegend=legend,
                marker={"symbol": symbol, "color": colour, "size": 7, "opacity": 0.75},
            )
        )
    ends = [(_across(strip, low, high), uar) for low, high, uar in strip.medians]
    found.append(
        go.Scatter(
            x=[x for (low, high), _ in ends for x in (low, high, None)],
            y=[y for _, uar in ends for y in (round(100 * uar, 2),) * 2 + (None,)],
            mode="lines",
            name="median",
            legendgroup="median",
            showlegend=legend,
            line={"color": VERMILION, "width": 3},
            hovertemplate="median %{y:.1f} %<extra></extra>",
        )
    )
    return [trace.update(xaxis=f"x{own}", yaxis=f"y{own}") for trace in found]


def _spread(strip: Strip) -> list[float]:
    """Where points are drawn: those of a level a little apart, numbers where they are."""
    if strip.parameter.numeric:
        return list(strip.positions)
    return [
        round(at + SPREAD * (2 * (row * 0.618034 % 1) - 1), 3)
        for row, at in enumerate(strip.positions)
    ]


def _across(strip: Strip, low: float, high: float) -> tuple[float, float]:
    """The ends of a median's bar; that of a single value reaches to both sides of it."""
    if low != high:
        return low, high
    if not strip.parameter.numeric:
        return low - 1.3 * SPREAD, high + 1.3 * SPREAD
    known = sorted(set(strip.positions))
    if strip.parameter.logarithmic:
        step = (known[-1] / known[0]) ** (0.3 / max(len(known), 1))
        return low / step, high * step
    step = 0.3 * (known[-1] - known[0]) / max(len(known), 1)
    return low - step, high + step


def _axis(strip: Strip) -> dict[str, Any]:
    """The axis of a parameter: a number's own, logarithmic where it is, or its levels."""
    parameter = strip.parameter
    axis = {"title": {"text": inert(parameter.name, longest=44)}, "zeroline": False}
    levels = parameter.levels
    if not parameter.numeric:
        names = [inert(str(one), longest=14) for one in levels]
        ends = [-0.5, len(levels) - 0.5]
        return {**axis, "tickvals": list(range(len(levels))), "ticktext": names, "range": ends}
    if parameter.logarithmic:
        ticks = np.geomspace(levels[0], levels[-1], 3) if len(levels) > 4 else np.array(levels)
        return {
            **axis,
            "type": "log",
            "tickvals": ticks.tolist(),
            "ticktext": [cell(float(tick)) for tick in ticks],
        }
    return {**axis, "nticks": 5}


def _part(place: int, n: int, gap: float) -> list[float]:
    """The part of the figure's width or height of one of n that stand in a row."""
    size = (1 - gap * (n - 1)) / n
    return [place * (size + gap), min(place * (size + gap) + size, 1.0)]

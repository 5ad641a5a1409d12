"""Which way a parameter pulls: the UAR of every trial by the value it had, and the medians."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from reports.page.section import Panel, Section
from reports.page.text import cell, inert, percent
from reports.page.theme import BLUE, GREY, VERMILION, figure, spots
from reports.search.dimensions import MISSING, Parameter, fitted_at_once, level, varied
from reports.search.importance import Importance
from reports.search.searched import searched_trials
from study.results import StudyResults, TrialRecord

MOST_STRIPS = 6
COLUMNS = 3
MOST_LEVELS = 8  # of a number that has a median for each; more are drawn together
N_GROUPS = 5  # of equally many trials, where a number has more levels
LEAST_GROUP = 5  # trials of which a median says something
SPREAD = 0.25  # how far points of a level stand apart, in levels
GAPS = (0.07, 0.2)  # between columns, and between rows: parts of the figure


class Strip(NamedTuple):
    """The trials that have a parameter, and medians of UAR over levels or ranges of it."""

    parameter: Parameter
    positions: tuple[float, ...]  # a number's value, else its level from 0
    uars: tuple[float, ...]
    pruned: tuple[bool, ...]
    texts: tuple[str, ...]  # of each, on hovering
    medians: tuple[tuple[float, float, float], ...]  # from, to, UAR


def strips_sections(results: StudyResults, numbers: Importance | None) -> list[Section]:
    """The section of single parameters, only where importance is to be trusted."""
    drawn = strips(results, numbers)
    if not drawn:
        return []
    return [
        Section(
            "values",
            "Which way it pulls",
            "Devel UAR by value of the most important parameters, among the trials that have them "
            "(an augmentation that is off counts as p = 0); lines are medians, of each value or of "
            "equally many trials. A search tries more of what was good, and values come together "
            "with others: a median proves no effect.",
            (Panel("values", strips_figure(drawn)),),
        )
    ]


def strips(results: StudyResults, numbers: Importance | None) -> tuple[Strip, ...]:
    """Of the most important parameters; none where importance is not to be trusted."""
    if numbers is None or not numbers.trustworthy:
        return ()
    trials, _ = searched_trials(results)
    known = {parameter.name: parameter for parameter in varied(trials)}
    chosen = [known[bar.name] for bar in numbers.parameters if bar.name in known][:MOST_STRIPS]
    return tuple(_strip(_with_off(parameter, trials), trials) for parameter in chosen)


def strips_figure(drawn: Sequence[Strip]) -> go.Figure:
    """A strip of points for each parameter, side by side, with one scale of UAR."""
    rows = math.ceil(len(drawn) / COLUMNS)
    cells = np.arange(rows * COLUMNS).reshape(rows, COLUMNS) < len(drawn)
    grid = make_subplots(
        rows,
        COLUMNS,
        specs=[[{} if there else None for there in line] for line in cells],
        shared_yaxes="all",
        horizontal_spacing=GAPS[0],
        vertical_spacing=GAPS[1],
    )
    for place, strip in enumerate(drawn):
        row, column = place // COLUMNS + 1, place % COLUMNS + 1
        for trace in _traces(strip, legend=place == 0):
            grid.add_trace(trace, row, column)
        grid.update_xaxes(_axis(strip), row=row, col=column)
    grid.update_yaxes(title="devel UAR (%)", col=1)
    layout = {**grid.layout.to_plotly_json(), "template": "none", "meta": {"wide": True}}
    margin = {"l": 10, "r": 14, "t": 40, "b": 10}
    return figure(grid.data, height=90 + 290 * rows, margin=margin, **layout)


def _with_off(parameter: Parameter, trials: Sequence[TrialRecord]) -> Parameter:
    """A switch as networks have it: off is a value, a probability of 0."""
    if not (parameter.switch and parameter.conditional):
        return parameter
    probable = parameter.name.endswith(".p")
    off = [MISSING if fitted_at_once(t) else 0.0 if probable else "off" for t in trials]
    on = [v if probable or v is MISSING else level(v) for v in parameter.values]
    values = (b if a is MISSING else a for a, b in zip(on, off, strict=True))
    return parameter._replace(values=tuple(values))


def _strip(parameter: Parameter, trials: Sequence[TrialRecord]) -> Strip:
    pairs = zip(trials, parameter.values, strict=True)
    known = [(trial, trial.uar or 0.0, v) for trial, v in pairs if v is not MISSING]
    places = {name: place for place, name in enumerate(parameter.levels)}
    positions = [float(v if parameter.numeric else places[level(v)]) for *_, v in known]
    uars = [uar for _, uar, _ in known]
    return Strip(
        parameter,
        tuple(positions),
        tuple(uars),
        tuple(trial.state == "pruned" for trial, *_ in known),
        tuple(
            f"trial {trial.number}: {trial.name}, {percent(uar)}; {parameter.name}: {level(v)}"
            for trial, uar, v in known
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


def _traces(strip: Strip, *, legend: bool) -> Iterator[go.Scatter]:
    """Complete trials, pruned ones, and the medians as bars across."""
    spread = _spread(strip)
    looks = {False: ("complete", "circle", BLUE), True: ("pruned", "triangle-down-open", GREY)}
    for state, (name, symbol, colour) in looks.items():
        rows = [row for row, pruned in enumerate(strip.pruned) if pruned == state]
        yield spots(
            [spread[row] for row in rows],
            [round(100 * strip.uars[row], 2) for row in rows],
            [inert(strip.texts[row], longest=120) for row in rows],
            name=name,
            legendgroup=name,
            showlegend=legend,
            marker={"symbol": symbol, "color": colour, "size": 7, "opacity": 0.75},
        )
    ends = [(*_across(strip, low, high), round(100 * uar, 2)) for low, high, uar in strip.medians]
    yield go.Scatter(
        x=[x for low, high, _ in ends for x in (low, high, None)],
        y=[y for *_, uar in ends for y in (uar, uar, None)],
        mode="lines",
        name="median",
        legendgroup="median",
        showlegend=legend,
        line={"color": VERMILION, "width": 3},
        hovertemplate="median %{y:.1f} %<extra></extra>",
    )


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
    first, last = min(strip.positions), max(strip.positions)
    part = 0.3 / max(len(set(strip.positions)), 1)
    if strip.parameter.logarithmic:
        return low / (last / first) ** part, high * (last / first) ** part
    return low - part * (last - first), high + part * (last - first)


def _axis(strip: Strip) -> dict[str, Any]:
    """The axis of a parameter: a number's own, logarithmic where it is, or its levels."""
    parameter = strip.parameter
    axis = {"title": inert(parameter.name, longest=44), "zeroline": False}
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

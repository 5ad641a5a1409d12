"""Numbers of `explain.json` -> figures."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.colors import hex_to_rgb

from reports.page.text import inert
from reports.page.theme import BLUE, GREEN, GREY, OCHRE, PURPLE, VERMILION, figure, heat, named

MOST_LINES = 4  # classes that are drawn as lines; more are the rows of a heat map
TICKS_HZ = (125, 250, 500, 1000, 2000, 4000, 8000, 16000)
LINEAR_TICKS_HZ = (1000, 2000, 3000, 4000, 6000, 8000, 12000, 16000)
CLASS_LOOKS = ((BLUE, "solid"), (VERMILION, "dash"), (GREEN, "dot"), (PURPLE, "dashdot"))
MAPS = {
    "layercam": "LayerCAM, early stage",
    "hirescam": "HiResCAM, last stage",
    "weights": "the machine's weights",
}
SHARE, LOST = "share of the relevance (%)", "fall of the UAR (points)"

Numbers = Sequence[float | None]


def map_figure(part: Mapping[str, Any]) -> go.Figure | None:
    """Share of each band in the relevance, all classes alike; None where there is no map."""
    kinds = [kind for kind in MAPS if kind in part["profiles"]]
    if not kinds:
        return None
    traces: list[go.Scatter] = []
    looks = ((BLUE, "solid"), (PURPLE, "dash"))
    for kind, (colour, dash) in zip(kinds, looks, strict=False):
        profile = part["profiles"][kind]
        first = kind == part["map"]
        traces += _line(part, profile, MAPS[kind], colour, dash, ribbon=first)
    equal = {"mean": [part["equal"]], "low": None}
    traces += _line(part, equal, "a map that is equal everywhere", GREY, "dot")
    return _bands(part, traces, SHARE)


def occlusion_figure(part: Mapping[str, Any]) -> go.Figure:
    """What each band costs, removed and replaced by noise, all classes alike."""
    profiles = part["profiles"]
    traces = [
        *_line(part, profiles["removed"], "removed", BLUE, "solid", ribbon=True),
        *_line(part, profiles["noise"], "noise of equal energy", VERMILION, "dash"),
    ]
    return _bands(part, traces, LOST)


def by_class_figure(part: Mapping[str, Any], name: str, classes: Sequence[str]) -> go.Figure:
    """A profile of each class: lines with intervals, or rows where there are many classes.

    Args:
        part: Of a system, on one axis.
        name: Of the profile: a kind of map, or `removed`.
        classes: In the order of the profile.
    """
    profile = part["profiles"][name]
    if len(classes) <= MOST_LINES:
        traces: list[go.Scatter] = []
        for row, (label, (colour, dash)) in enumerate(zip(classes, CLASS_LOOKS, strict=False)):
            traces += _line(part, profile, inert(label), colour, dash, row=row, ribbon=True)
        return _bands(part, traces, LOST.replace("UAR", "recall") if name == "removed" else SHARE)
    values = [[None if v is None else 100 * v for v in row] for row in profile["mean"][:-1]]
    known = [v for row in values for v in row if v is not None]
    trace = heat(
        values,
        gap=1,
        x=list(range(len(part["equal"]))),
        y=list(range(len(classes))),
        zmin=0,
        zmax=max([*known, 1e-9]),
        text=[list(_hover_texts(part, profile, row)) for row in range(len(classes))],
        hoverinfo="text",
    )
    edges = part["edges_hz"]
    places = np.interp(_ticks(part), edges, np.arange(len(edges)) - 0.5).tolist()
    return figure(
        [trace],
        height=120 + 26 * len(classes),
        xaxis={**_hz_axis(part, places), "showgrid": False, "zeroline": False},
        yaxis={**named(list(classes), longest=20), "autorange": "reversed"},
    )


def deletion_figure(part: Mapping[str, Any]) -> go.Figure:
    """How the true class's probability falls as bands are removed in several orders."""
    looks = {
        "map": ("in the order of the map", BLUE, "solid", "circle"),
        "occlusion": ("of the single bands' occlusion", PURPLE, "dash", "square"),
        "energy": ("of their energy", OCHRE, "dashdot", "diamond"),
        "random": ("at random", GREY, "dot", "x"),
    }
    removed = part["deletion"]["removed"]
    traces = []
    for name, curve in part["deletion"]["orders"].items():
        title, colour, dash, symbol = looks[name]
        traces.append(
            go.Scatter(
                x=removed,
                y=[100 * p for p in curve["probability"]],
                mode="lines+markers",
                name=title,
                line={"color": colour, "dash": dash},
                marker={"symbol": symbol, "size": 8},
                hovertemplate=f"%{{x}} bands removed {title}: %{{y:.1f}} %<extra></extra>",
            )
        )
    return figure(
        traces,
        height=340,
        xaxis={"title": "bands removed", "tickvals": removed},
        yaxis={"title": "probability of the true class (%)", "rangemode": "tozero"},
    )


def _line(
    part: Mapping[str, Any],
    profile: Mapping[str, Any],
    title: str,
    colour: str,
    dash: str,
    *,
    row: int = -1,
    ribbon: bool = False,
) -> Iterator[go.Scatter]:
    """A profile as steps over the bands, with its interval where there is one."""
    x = _edges(part)
    if ribbon and profile["low"] is not None:
        mean = profile["mean"][row]  # stands for a bound that is not there
        low, high = (
            _steps([m if v is None else v for v, m in zip(profile[side][row], mean, strict=True)])
            for side in ("low", "high")
        )
        yield go.Scatter(
            x=[*x, *x[::-1]],
            y=[*low, *high[::-1]],
            fill="toself",
            fillcolor=_faint(colour),
            line={"width": 0},
            mode="lines",
            hoverinfo="skip",
            showlegend=False,
        )
    yield go.Scatter(
        x=x,
        y=_steps(profile["mean"][row]),
        mode="lines",
        name=title,
        text=[text for text in _hover_texts(part, profile, row) for _ in range(2)],
        hovertemplate=f"{title}<br>%{{text}}<extra></extra>",
        line={"color": colour, "dash": dash},
    )


def _bands(part: Mapping[str, Any], traces: Sequence[go.Scatter], title: str) -> go.Figure:
    """A figure over frequency: third octaves on a logarithmic axis, linear bands on a linear."""
    octaves = part["title"] == "third octaves"
    ends = _edges(part)[:: len(_edges(part)) - 1]
    limits = np.log10(ends).tolist() if octaves else ends
    scale = {"type": "log" if octaves else "linear", "range": limits}
    return figure(
        traces,
        height=340,
        xaxis={**_hz_axis(part, _ticks(part)), **scale},
        yaxis={"title": title, "zeroline": True},
    )


def _ticks(part: Mapping[str, Any]) -> list[int]:
    """The frequencies that an axis names."""
    ticks = TICKS_HZ if part["title"] == "third octaves" else LINEAR_TICKS_HZ
    return [hz for hz in ticks if hz <= part["edges_hz"][-1]]


def _hz_axis(part: Mapping[str, Any], places: Sequence[float]) -> dict[str, Any]:
    """An axis with the named frequencies at places."""
    names = [hz_text(hz) for hz in _ticks(part)]
    return {"tickvals": places, "ticktext": names, "title": "Hz"}


def _edges(part: Mapping[str, Any]) -> list[float]:
    """Both edges of every band in Hz; on a logarithmic axis the first begins at 80 Hz."""
    edges = list(part["edges_hz"])
    if part["title"] == "third octaves":
        edges[0] = 80.0
    return [edge for pair in itertools.pairwise(edges) for edge in pair]


def _steps(values: Numbers) -> list[float | None]:
    return [None if v is None else 100 * v for v in values for _ in range(2)]


def _hover_texts(part: Mapping[str, Any], profile: Mapping[str, Any], row: int) -> Iterator[str]:
    """A text for each band: where it lies, its value in per cent and its interval."""
    edges, mean = part["edges_hz"], profile["mean"][row]
    for band, value in enumerate(mean):
        text = "none" if value is None else f"{100 * value:.1f} %"
        if profile["low"] is not None and profile["low"][row][band] is not None:
            low, high = (100 * profile[side][row][band] for side in ("low", "high"))
            text += f" ({low:.1f} to {high:.1f})"
        yield f"{edges[band]:.0f} to {edges[band + 1]:.0f} Hz: {text}"


def hz_text(hz: float) -> str:
    """A frequency, short.

    >>> hz_text(250), hz_text(1500)
    ('250', '1.5k')
    """
    return f"{hz / 1000:g}k" if hz >= 1000 else f"{hz:g}"


def _faint(colour: str) -> str:
    return f"rgba{(*hex_to_rgb(colour), 0.2)}"

"""Colours and layout shared by the figures.

The colours keep a contrast of at least 3:1 on the page's white and on its dark grey, and differ
for colour-blind readers (after Okabe and Ito 2008); where a colour means something, a symbol or
a line style says it too. Text, grid and background come from the page, in light or dark.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike

from reports.page.text import inert

BLUE = "#2f7ebc"
VERMILION = "#d55e00"
GREEN = "#00956d"
PURPLE = "#a868b8"
GREY = "#828b94"
OCHRE = "#ad8200"
COLOURS = (VERMILION, BLUE, GREEN, PURPLE, OCHRE)  # of things that have no colour of their own
SEQUENTIAL = ("#f0f4f8", "#7fb2d9", "#0b4a86")  # on a light page; a dark one has its own

_AT = (0.0, 0.4, 0.7, 1.0)
_RGB = ((130, 47, 164, 213), (139, 126, 84, 94), (148, 188, 160, 0))  # grey, blue, purple, orange


def figure(traces: Iterable[Any], *, height: int = 420, **layout: Any) -> go.Figure:
    """A figure without a theme of its own; the page adds one."""
    margin = {"l": 10, "r": 14, "t": 16, "b": 10}
    legend = {"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom"}
    options = {"margin": margin, "legend": legend, "height": height, **layout}
    return go.Figure(list(traces), {"template": "none", **options})


def spots(x: Sequence[Any], y: Sequence[Any], text: Sequence[str], **options: Any) -> go.Scatter:
    """Points that tell a text each, and nothing else; `options` are those of the trace."""
    return go.Scatter(x=x, y=y, text=text, mode="markers", hoverinfo="text", **options)


def heat(z: Sequence[Sequence[Any]], *, gap: int, **options: Any) -> go.Heatmap:
    """Cells in the shades of the page, so many pixels apart; `options` are those of the trace."""
    scale = {"colorscale": list(SEQUENTIAL), "showscale": False}
    return go.Heatmap(z=z, xgap=gap, ygap=gap, **scale, **options)


def whiskers(values: ArrayLike, low: ArrayLike, high: ArrayLike, **options: Any) -> dict[str, Any]:
    """Horizontal error bars around values, from the lower ends to the upper ones."""
    middle, ends = np.asarray(values), (np.asarray(low), np.asarray(high))
    below, above = (np.abs(middle - end).tolist() for end in ends)
    return {"array": above, "arrayminus": below, **options}


def named(names: Sequence[str], *, longest: int, title: str = "") -> dict[str, Any]:
    """An axis on which name n stands at position n; shortened names that look alike stay apart."""
    return {
        "tickvals": list(range(len(names))),
        "ticktext": [inert(name, longest=longest) for name in names],
        "range": [-0.5, len(names) - 0.5],
        "title": title,
        "showgrid": False,
        "zeroline": False,
    }


def shade(position: float) -> str:
    """A colour from grey (0) over blue and purple to vermilion (1), legible on light and dark.

    >>> shade(0), shade(0.4), shade(1)
    ('#828b94', '#2f7ebc', '#d55e00')
    """
    red, green, blue = (round(float(np.interp(position, _AT, column))) for column in _RGB)
    return f"#{red:02x}{green:02x}{blue:02x}"

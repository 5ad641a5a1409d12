"""Colours and layout shared by the figures.

The colours keep a contrast of at least 3:1 on the page's white and on its dark grey, and differ
for colour-blind readers (after Okabe and Ito 2008); where a colour means something, a symbol or
a line style says it too. Text, grid and background come from the page, in light or dark.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import plotly.graph_objects as go

__all__ = ["BLUE", "GREEN", "GREY", "PURPLE", "SEQUENTIAL", "VERMILION", "figure", "shade"]

BLUE = "#2f7ebc"
VERMILION = "#d55e00"
GREEN = "#00956d"
PURPLE = "#a868b8"
GREY = "#828b94"
SEQUENTIAL = "Cividis"

_LOW, _MIDDLE, _HIGH = (130, 139, 148), (47, 126, 188), (213, 94, 0)


def figure(traces: Iterable[Any], *, height: int = 420, **layout: Any) -> go.Figure:
    """A figure without a theme of its own; the page adds one."""
    margin = {"l": 10, "r": 14, "t": 16, "b": 10}
    legend = {"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom"}
    options = {"margin": margin, "legend": legend, "height": height, **layout}
    return go.Figure(list(traces), {"template": "none", **options})


def shade(position: float) -> str:
    """A colour from grey (0) over blue to vermilion (1), legible on light and dark.

    >>> shade(0), shade(1)
    ('#828b94', '#d55e00')
    """
    share = min(max(position, 0.0), 1.0) * 2
    low, high = (_LOW, _MIDDLE) if share <= 1 else (_MIDDLE, _HIGH)
    share -= share > 1
    mixed = (round(a + (b - a) * share) for a, b in zip(low, high, strict=True))
    return "#" + "".join(f"{value:02x}" for value in mixed)

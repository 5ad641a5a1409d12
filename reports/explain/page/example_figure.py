"""The picture of a single clip, with lines where its map is high."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from reports.explain.page.figures import TICKS_HZ, hz_text
from reports.page.theme import SEQUENTIAL, VERMILION, figure

TICKS_APART = 14  # of an axis's height there must be between two of its ticks
CONTOURS = (25, 50, 75)  # per cent of a map's range
FRAME = 1e-3  # of a picture: how near to its edge the lines around its map close


def example_figure(example: Mapping[str, Any]) -> go.Figure:
    """The image of one clip, with lines around where its map is high."""
    image, maps = example["image"], example["map"]
    n_bands, rows, columns = len(example["centres_hz"]), len(maps), len(maps[0])
    seconds = example["seconds"]
    frame = seconds / len(image[0])
    picture = go.Heatmap(
        z=image,
        x=[frame * (n + 0.5) for n in range(len(image[0]))],
        y=[(n + 0.5) * n_bands / len(image) for n in range(len(image))],
        colorscale=list(SEQUENTIAL),
        showscale=False,
        hoverinfo="skip",
    )
    # To the edge of the picture a map goes on as it is, and there its lines close.
    framed = np.pad(np.pad(np.array(maps), 1, mode="edge"), 1)
    lines = go.Contour(
        z=framed.tolist(),
        x=[seconds * at for at in _framed(columns)],
        y=[n_bands * at for at in _framed(rows, offset=example["map_offset"])],
        contours={
            "coloring": "none",
            "start": CONTOURS[0],
            "end": CONTOURS[-1],
            "size": CONTOURS[1] - CONTOURS[0],
        },
        line={"color": VERMILION, "width": 2, "smoothing": 0.8},
        hoverinfo="skip",
        showscale=False,
    )
    return figure(
        [picture, lines],
        height=300,
        xaxis={
            "title": "seconds",
            "range": [0, seconds],
            "showgrid": False,
            "zeroline": False,
        },
        yaxis={**_hz_axis(example["centres_hz"]), "range": [0, n_bands], "showgrid": False},
    )


def _framed(n: int, *, offset: float = 0.0) -> list[float]:
    """Return the middles of n parts of 0 to 1, and before and behind them two of its frame.

    Args:
        n: How many.
        offset: How far above the middles the parts are centred; none leaves the frame.
    """
    near, far = 2 * FRAME, 1 - 2 * FRAME
    middles = [min(max((place + 0.5) / n + offset, near), far) for place in range(n)]
    return [0.0, FRAME, *middles, 1 - FRAME, 1.0]


def _hz_axis(centres_hz: Sequence[float]) -> dict[str, Any]:
    """An axis on which band n of a scale has its centre at n + 0.5."""
    ticks = [hz for hz in TICKS_HZ if centres_hz[0] <= hz <= centres_hz[-1]]
    places = np.interp(ticks, centres_hz, np.arange(len(centres_hz)) + 0.5).tolist()
    kept: list[tuple[float, int]] = []
    for place, hz in zip(reversed(places), reversed(ticks), strict=True):
        if not kept or kept[-1][0] - place > len(centres_hz) / TICKS_APART:
            kept.append((place, hz))
    return {
        "tickvals": [place for place, _ in kept],
        "ticktext": [hz_text(hz) for _, hz in kept],
        "title": "Hz",
        "zeroline": False,
    }

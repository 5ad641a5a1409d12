"""Confusion matrices on devel."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go

from reports.systems import System
from reports.text import inert
from reports.theme import SEQUENTIAL, figure
from study.metrics import confusion_matrix, uar_from_confusion

__all__ = ["Confusion", "confusion", "confusion_figure"]

MOST_WRITTEN = 16  # classes up to which every cell carries its numbers


class Confusion(NamedTuple):
    """Counts of clips, rows are labels and columns predictions, in the order of the classes."""

    title: str
    classes: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]
    uar: float


def confusion(system: System) -> Confusion:
    """The confusion matrix of a system."""
    classes = system.classes or tuple(sorted({*system.labels, *system.predictions}))
    matrix = confusion_matrix(system.labels, system.predictions, classes)
    counts = tuple(tuple(row) for row in matrix.tolist())
    return Confusion(system.title, classes, counts, float(uar_from_confusion(matrix)))


def confusion_figure(numbers: Confusion) -> go.Figure:
    """Rows in per cent of their label's clips, counts beside; the first class on top."""
    counts = np.array(numbers.counts, dtype=np.float64)[::-1]
    totals = counts.sum(axis=1, keepdims=True)
    shares = 100 * np.divide(counts, totals, out=np.zeros_like(counts), where=totals > 0)
    names = [inert(name, longest=14) for name in numbers.classes]
    n = len(names)
    few = n <= 6
    texts = [
        [f"{share:.0f} %<br>({count:.0f})" if few else f"{share:.0f}" for share, count in pairs]
        for pairs in (zip(*rows, strict=True) for rows in zip(shares, counts, strict=True))
    ]
    trace = go.Heatmap(
        x=names,
        y=names[::-1],
        z=np.round(shares, 2).tolist(),
        zmin=0,
        zmax=100,
        customdata=counts.astype(int).tolist(),
        text=texts,
        texttemplate="%{text}" if n <= MOST_WRITTEN else None,
        hovertemplate=(
            "%{y} taken for %{x}: %{customdata} clips, %{z:.1f} % of %{y}<extra></extra>"
        ),
        colorscale=list(SEQUENTIAL),
        showscale=False,
        xgap=1,
        ygap=1,
    )
    return figure(
        [trace],
        height=min(140 + (90 if few else 34) * n, 620),
        xaxis={"type": "category", "title": {"text": "predicted"}, "showgrid": False},
        yaxis={"type": "category", "title": {"text": "label"}, "showgrid": False},
    )

"""Confusion matrices on devel."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go

from reports.systems import System
from reports.text import inert
from reports.theme import SEQUENTIAL, figure, named
from study.metrics import confusion_matrix, uar_from_confusion

__all__ = ["Confusion", "confusion", "confusion_figure"]

MOST_WRITTEN = 40  # classes up to which cells carry their numbers
ROOMY = 16  # classes up to which a matrix fits beside another one, with every number


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
    counts = np.array(numbers.counts)[::-1]
    totals = counts.sum(axis=1, keepdims=True)
    shares = 100 * np.divide(counts, totals, out=np.zeros(counts.shape), where=totals > 0)
    columns = numbers.classes
    rows = columns[::-1]
    n = len(columns)
    few, many = n <= 6, n > ROOMY
    trace = go.Heatmap(
        x=list(range(n)),
        y=list(range(n)),
        z=np.round(shares, 2).tolist(),
        zmin=0,
        zmax=100,
        text=[
            [
                f"{share:.0f} %<br>({count})"
                if few
                else ""
                if many and not count
                else f"{share:.0f}"
                for share, count in zip(line, line_counts, strict=True)
            ]
            for line, line_counts in zip(shares, counts, strict=True)
        ],
        texttemplate="%{text}" if n <= MOST_WRITTEN else None,
        textfont={"size": 9} if many else None,
        hovertext=[
            [
                f"{inert(row)} taken for {inert(column)}: {counts[i, j]:,} clips, "
                f"{shares[i, j]:.1f} % of {inert(row)}"
                for j, column in enumerate(columns)
            ]
            for i, row in enumerate(rows)
        ],
        hoverinfo="text",
        colorscale=list(SEQUENTIAL),
        showscale=False,
        xgap=1,
        ygap=1,
    )
    return figure(
        [trace],
        height=140 + 20 * n if many else min(140 + (90 if few else 34) * n, 620),
        meta={"wide": True} if many else None,
        xaxis={
            **named(columns, longest=14, title="predicted"),
            "tickangle": -90 if many else None,
        },
        yaxis=named(rows, longest=14, title="label"),
    )

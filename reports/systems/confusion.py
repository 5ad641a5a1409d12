"""Confusion matrices on devel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from reports.page.section import Panel, Section
from reports.page.text import inert, percent
from reports.page.theme import figure, heat, named
from reports.systems.systems import System
from study.metrics import confusion_matrix
from study.metrics.uar import uar_from_confusion

MOST_WRITTEN = 40  # classes up to which cells carry their numbers
ROOMY = 16  # classes up to which a matrix fits beside another one, with every number


class Confusion(NamedTuple):
    """Counts of clips, rows are labels and columns predictions, in the order of the classes."""

    title: str
    classes: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]
    uar: float


def confusion_section(systems: Sequence[System]) -> Section:
    """The section of confusion on devel, a matrix per system."""
    matrices = [confusion(system) for system in systems]
    return Section(
        "confusion",
        "Confusion on devel",
        "Each row is a label and sums to 100 % of its clips; the diagonal holds the recalls whose "
        "mean is the UAR.",
        confusion_panels("confusion", matrices),
        note="" if matrices else "There are no devel predictions with labels.",
    )


def confusion_panels(name: str, matrices: Sequence[Confusion]) -> tuple[Panel, ...]:
    """A figure of each matrix under its UAR."""
    return tuple(
        Panel(f"{name}-{place}", confusion_figure(matrix), f"{matrix.title}: {percent(matrix.uar)}")
        for place, matrix in enumerate(matrices, start=1)
    )


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
    fractions = 100 * np.divide(counts, totals, out=np.zeros(counts.shape), where=totals > 0)
    columns = numbers.classes
    n = len(columns)
    few, many = n <= 6, n > ROOMY
    names = [inert(name, longest=len(name)) for name in columns]
    written = n <= MOST_WRITTEN
    trace = heat(
        [[int(v) if v == int(v) else v for v in row] for row in np.round(fractions, 1).tolist()],
        gap=1,
        x=names,
        y=names[::-1],
        zmin=0,
        zmax=100,
        text=_texts(fractions, counts, few=few, many=many) if written else None,
        texttemplate="%{text}" if written else None,
        textfont={"size": 9} if many else None,
        customdata=counts.tolist(),
        hovertemplate="%{y}<br>taken for %{x}<br>%{customdata:,} clips, %{z:.1f} % of the label"
        "<extra></extra>",
    )
    return figure(
        [trace],
        height=140 + 20 * n if many else min(140 + (90 if few else 34) * n, 620),
        meta={"wide": True} if many else None,
        xaxis={
            **_classes(columns, names, title="predicted"),
            "tickangle": -90 if many else None,
        },
        yaxis=_classes(columns[::-1], names[::-1], title="label"),
    )


def _classes(classes: Sequence[str], names: Sequence[str], *, title: str) -> dict[str, Any]:
    """An axis of classes by name, so that hovering a cell names them; shortened below it."""
    return {**named(classes, longest=14, title=title), "type": "category", "tickvals": names}


def _texts(
    fractions: NDArray[np.float64], counts: NDArray[np.int_], *, few: bool, many: bool
) -> list[list[str]]:
    """What is written into the cells; of many classes nothing where there is no clip."""
    return [
        [
            f"{part:.0f} %<br>({count})" if few else "" if many and not count else f"{part:.0f}"
            for part, count in zip(line, line_counts, strict=True)
        ]
        for line, line_counts in zip(fractions, counts, strict=True)
    ]

"""Scale by backbone: the best UAR of every combination that was tried."""

from __future__ import annotations

from typing import NamedTuple

import plotly.graph_objects as go

from reports.page.section import Panel, Section
from reports.page.text import cell, inert, percent
from reports.page.theme import SEQUENTIAL, figure, named
from reports.search.searched import usable_trials
from study.results import StudyResults

__all__ = ["HeatMap", "heatmap", "heatmap_figure", "heatmap_section"]


class HeatMap(NamedTuple):
    """UARs of the trials of every cell, by (scale, backbone)."""

    scales: tuple[str, ...]
    backbones: tuple[str, ...]
    uars: dict[tuple[str, str], tuple[float, ...]]

    def best(self, scale: str, backbone: str) -> float | None:
        """The best UAR of a cell; None where nothing was tried."""
        return max(self.uars.get((scale, backbone), ()), default=None)


def heatmap_section(results: StudyResults) -> Section:
    """The section of scales and backbones."""
    numbers = heatmap(results)
    return Section(
        "heatmap",
        "Scale and backbone",
        "The best devel UAR of each combination, with the number of trials it had; more trials "
        "make a better best.",
        (Panel("heatmap", heatmap_figure(numbers)),) if numbers else (),
        note="" if numbers else "Fewer than two combinations of scale and backbone have a UAR.",
    )


def heatmap(results: StudyResults) -> HeatMap | None:
    """The cells, backbones from best to worst; None unless one of the two varied."""
    cells: dict[tuple[str, str], tuple[float, ...]] = {}
    for trial in usable_trials(results):
        if "scale" in trial.params and "backbone" in trial.params and trial.uar is not None:
            key = (cell(trial.params["scale"]), cell(trial.params["backbone"]))
            cells[key] = (*cells.get(key, ()), trial.uar)
    scales = tuple(sorted({scale for scale, _ in cells}))
    top: dict[str, float] = {}
    for (_, backbone), uars in cells.items():
        top[backbone] = max(top.get(backbone, 0.0), *uars)
    backbones = tuple(sorted(top, key=lambda name: (-top[name], name)))
    return HeatMap(scales, backbones, cells) if len(cells) > 1 else None


def heatmap_figure(numbers: HeatMap) -> go.Figure:
    """Backbones downwards, scales across, best UAR and the number of trials in every cell."""
    rows, columns = numbers.backbones[::-1], numbers.scales
    best = [[numbers.best(column, row) for column in columns] for row in rows]
    counts = [[len(numbers.uars.get((column, row), ())) for column in columns] for row in rows]
    trace = go.Heatmap(
        x=list(range(len(columns))),
        y=list(range(len(rows))),
        z=[[None if uar is None else 100 * uar for uar in line] for line in best],
        text=[
            [f"{percent(uar)}<br>({n})" if n else "" for uar, n in zip(line, line_n, strict=True)]
            for line, line_n in zip(best, counts, strict=True)
        ],
        texttemplate="%{text}",
        hovertext=[[_tell(numbers, column, row) for column in columns] for row in rows],
        hoverinfo="text",
        hoverongaps=False,
        colorscale=list(SEQUENTIAL),
        showscale=False,
        xgap=2,
        ygap=2,
    )
    return figure(
        [trace],
        height=110 + 48 * len(rows),
        xaxis=named(columns, longest=20, title="scale"),
        yaxis=named(rows, longest=30, title="backbone"),
    )


def _tell(numbers: HeatMap, scale: str, backbone: str) -> str:
    uars = numbers.uars.get((scale, backbone), ())
    if not uars:
        return ""
    mean = percent(sum(uars) / len(uars))
    best = f"{len(uars)} trials, best {percent(max(uars))}, mean {mean}"
    return f"{inert(backbone)}, {inert(scale)}: {best}"

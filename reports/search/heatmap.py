"""Scale by backbone: the best UAR of every combination that was tried."""

from __future__ import annotations

from collections import defaultdict
from typing import NamedTuple

import plotly.graph_objects as go

from reports.page.section import Panel, Section
from reports.page.text import cell, inert, percent
from reports.page.theme import figure, heat, named
from reports.search.searched import usable_trials
from study.results import StudyResults


class HeatMap(NamedTuple):
    """UARs of the trials of every cell, by (scale, backbone)."""

    scales: tuple[str, ...]
    backbones: tuple[str, ...]
    uars: dict[tuple[str, str], tuple[float, ...]]


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
    top: dict[str, float] = defaultdict(float)
    for trial in usable_trials(results):
        if "scale" in trial.params and "backbone" in trial.params and trial.uar is not None:
            scale, backbone = cell(trial.params["scale"]), cell(trial.params["backbone"])
            cells[scale, backbone] = (*cells.get((scale, backbone), ()), trial.uar)
            top[backbone] = max(top[backbone], trial.uar)
    scales = tuple(sorted({scale for scale, _ in cells}))
    backbones = tuple(sorted(top, key=lambda name: (-top[name], name)))
    return HeatMap(scales, backbones, cells) if len(cells) > 1 else None


def heatmap_figure(numbers: HeatMap) -> go.Figure:
    """Backbones downwards, scales across, best UAR and the number of trials in every cell."""
    rows, columns = numbers.backbones[::-1], numbers.scales
    cells = [[numbers.uars.get((column, row), ()) for column in columns] for row in rows]
    trace = heat(
        [[100 * max(uars) if uars else None for uars in line] for line in cells],
        gap=2,
        x=list(range(len(columns))),
        y=list(range(len(rows))),
        text=[[f"{percent(max(u))}<br>({len(u)})" if u else "" for u in line] for line in cells],
        texttemplate="%{text}",
        hovertext=[[_hover_text(numbers, column, row) for column in columns] for row in rows],
        hoverinfo="text",
        hoverongaps=False,
    )
    return figure(
        [trace],
        height=110 + 48 * len(rows),
        xaxis=named(columns, longest=20, title="scale"),
        yaxis=named(rows, longest=30, title="backbone"),
    )


def _hover_text(numbers: HeatMap, scale: str, backbone: str) -> str:
    uars = numbers.uars.get((scale, backbone), ())
    if not uars:
        return ""
    mean = percent(sum(uars) / len(uars))
    best = f"{len(uars)} trials, best {percent(max(uars))}, mean {mean}"
    return f"{inert(backbone)}, {inert(scale)}: {best}"

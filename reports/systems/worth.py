"""What the fusion is worth on new speakers: apparent beside honest, and the table of methods."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import plotly.graph_objects as go

from reports.page.section import Panel, Section
from reports.page.table import Table
from reports.page.text import cell, percent, points
from reports.page.theme import BLUE, VERMILION, figure, named
from study.results import StudyResults

__all__ = ["Valued", "Worth", "methods_table", "worth", "worth_figure", "worth_sections"]


class Valued(NamedTuple):
    """One system's UAR on the clips that chose it, and chosen again without those that judge."""

    name: str
    apparent: float
    honest: float
    low: float | None  # of the interval over speakers; None with too few of them
    high: float | None


class Worth(NamedTuple):
    """What is said, in the order in which it is told, and the compared methods, if any."""

    sentences: tuple[str, ...]
    methods: Table | None
    systems: tuple[Valued, ...] = ()
    notes: tuple[str, ...] = ()


def worth_sections(results: StudyResults) -> list[Section]:
    """The section of the honest value, only where it is known."""
    found = worth(results)
    if found is None:
        return []
    return [
        Section(
            "worth",
            "What the fusion is worth",
            "The UAR above is apparent. Here everything that devel chose (epochs, members, method,"
            " decision) is chosen again without the clips that judge.",
            (Panel("worth", worth_figure(found.systems)),) if found.systems else (),
            table=found.methods,
            note=" ".join(found.notes),
            points=found.sentences,
        )
    ]


def worth(results: StudyResults) -> Worth | None:
    """The honest value and what stands beside it; None without a fusion that has one."""
    ensemble = results.ensemble
    if ensemble is None or not ensemble.honest.get("sentence"):
        return None
    sentences = (str(ensemble.honest["sentence"]), *ensemble.sentences)
    honest = ensemble.honest
    systems = tuple(
        Valued(
            name,
            float(honest[apparent]),
            float(honest[key]["uar"]),
            honest[key].get("low"),
            honest[key].get("high"),
        )
        for name, apparent, key in (
            ("fusion", "apparent", "nested"),
            ("best single", "single_apparent", "single"),
        )
        if honest.get(apparent) is not None and honest.get(key)
    )
    methods = methods_table(results)
    notes = (
        _GAIN if methods else "",
        _ERRORS if "calibration error" in " ".join(sentences) else "",
    )
    return Worth(sentences, methods, systems, tuple(filter(None, notes)))


_GAIN = "Gain over bagged greedy selection in points, with its standard error."
_ERRORS = (
    "The calibration error after is of clips that the temperature was not fitted on; under "
    "Calibration stands that of the clips it was fitted on."
)


def worth_figure(systems: Sequence[Valued]) -> go.Figure:
    """A row per system: apparent as a hollow diamond, honest as a point with its interval."""
    rows = list(systems)[::-1]
    places = list(range(len(rows)))
    known = [row for row in rows if row.low is not None and row.high is not None]
    honest = go.Scatter(
        x=[100 * row.honest for row in rows],
        y=places,
        mode="markers",
        name="honest" + (", 95 % interval" if known else ""),
        marker={"color": BLUE, "size": 12},
        text=[f"{row.name}: {percent(row.honest)}{_bounds(row)}" for row in rows],
        hoverinfo="text",
        error_x={
            "array": [100 * ((row.high or row.honest) - row.honest) for row in rows],
            "arrayminus": [100 * (row.honest - (row.low or row.honest)) for row in rows],
            "color": BLUE,
            "thickness": 2,
            "visible": bool(known),
        },
    )
    apparent = go.Scatter(
        x=[100 * row.apparent for row in rows],
        y=places,
        mode="markers",
        name="apparent",
        marker={"color": VERMILION, "size": 12, "symbol": "diamond-open", "line": {"width": 2}},
        text=[f"{row.name}: apparent {percent(row.apparent)}" for row in rows],
        hoverinfo="text",
    )
    return figure(
        [honest, apparent],
        height=140 + 44 * len(rows),
        xaxis={"title": {"text": "devel UAR (%)"}, "zeroline": False},
        yaxis=named([row.name for row in rows], longest=28),
    )


def _bounds(row: Valued) -> str:
    if row.low is None or row.high is None:
        return ""
    return f", {percent(row.low)} to {percent(row.high)}"


def methods_table(results: StudyResults) -> Table | None:
    """The methods of `spectune ensemble --compare`, best first; None where not compared."""
    if results.ensemble is None or not results.ensemble.methods:
        return None
    rows = tuple(
        (
            str(row["method"]) + ("" if row["may_be_chosen"] else " (for comparison)"),
            percent(row["uar"]),
            "-" if row["low"] is None else f"{percent(row['low'])} to {percent(row['high'])}",
            percent(row["apparent"]),
            points(row["gain"]),
            "-" if row["gain_se"] is None else f"{100 * row['gain_se']:.1f}",
            str(row["members"]),
            cell(row["megabytes"]),
            cell(row["milliseconds"]),
        )
        for row in results.ensemble.methods
    )
    columns = (
        "method", "honest UAR", "95 % interval", "apparent", "gain", "SE", "members", "MB", "ms",
    )  # fmt: skip
    return Table(columns, rows, (False, *[True] * (len(columns) - 1)))

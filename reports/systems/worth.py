"""What the fusion is worth on new speakers: apparent beside honest, and the table of methods."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import plotly.graph_objects as go

from reports.page.section import Panel, Section
from reports.page.table import Table, table_of
from reports.page.text import between, cell, percent, points
from reports.page.theme import BLUE, VERMILION, figure, named, spots, whiskers
from study.results import StudyResults
from study.text import NOTHING


class Valued(NamedTuple):
    """One system's UAR on the clips that chose it, and chosen again without those that judge."""

    name: str
    apparent: float
    honest: float
    low: float | None  # of the interval over speakers; None with too few of them
    high: float | None


class Worth(NamedTuple):
    """The sentences in their order, and the compared methods, if any."""

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
    honest = ensemble.honest
    sentences = (str(honest["sentence"]), *ensemble.sentences)
    keys = {
        "fusion": ("apparent", "nested"),
        "best single": ("single_apparent", "single"),
    }
    systems = tuple(
        Valued(name, float(honest[apparent]), *map(honest[key].get, ("uar", "low", "high")))
        for name, (apparent, key) in keys.items()
        if honest.get(apparent) is not None and honest.get(key)
    )
    methods = methods_table(results)
    measured = any("calibration error" in sentence for sentence in sentences)
    notes = [_GAIN] * bool(methods) + [_ERRORS] * measured
    return Worth(sentences, methods, systems, tuple(notes))


_GAIN = "Gain over bagged greedy selection in points, with its standard error."
_ERRORS = (
    "The calibration error after is of clips that the temperature was not fitted on; under "
    "Calibration stands that of the clips it was fitted on."
)


def worth_figure(systems: Sequence[Valued]) -> go.Figure:
    """A row per system: apparent as a hollow diamond, honest as a point with its interval."""
    rows = list(systems)[::-1]
    places = list(range(len(rows)))
    known = any(row.low is not None and row.high is not None for row in rows)
    ends = (
        [100 * (end or row.honest) for row, end in zip(rows, side, strict=True)]
        for side in ([row.low for row in rows], [row.high for row in rows])
    )
    values = [100 * row.honest for row in rows]
    bounds = [between(row.low, row.high) for row in rows]
    honest = spots(
        values,
        places,
        [
            f"{row.name}: {percent(row.honest)}" + ("" if text == NOTHING else f", {text}")
            for row, text in zip(rows, bounds, strict=True)
        ],
        name="honest" + (", 95 % interval" if known else ""),
        marker={"color": BLUE, "size": 12},
        error_x=whiskers(values, *ends, color=BLUE, thickness=2, visible=known),
    )
    apparent = spots(
        [100 * row.apparent for row in rows],
        places,
        [f"{row.name}: apparent {percent(row.apparent)}" for row in rows],
        name="apparent",
        marker={"color": VERMILION, "size": 12, "symbol": "diamond-open", "line": {"width": 2}},
    )
    return figure(
        [honest, apparent],
        height=140 + 44 * len(rows),
        xaxis={"title": "devel UAR (%)", "zeroline": False},
        yaxis=named([row.name for row in rows], longest=28),
    )


def methods_table(results: StudyResults) -> Table | None:
    """The methods of `spectune ensemble --compare`, best first; None where not compared."""
    rows = [
        {
            "method": str(row["method"]),
            "honest UAR": percent(row["uar"]),
            "95 % interval": between(row["low"], row["high"]),
            "apparent": percent(row["apparent"]),
            "gain": points(row["gain"]),
            "SE": NOTHING if row["gain_se"] is None else f"{100 * row['gain_se']:.1f}",
            "members": str(row["members"]),
            "MB": cell(row["megabytes"]),
            "ms": cell(row["milliseconds"]),
        }
        for row in (results.ensemble.methods if results.ensemble else ())
    ]
    return table_of(rows, words=["method"])

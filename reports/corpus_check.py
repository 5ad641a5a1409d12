"""What `spectune check` found: the corpus's problems and what gives labels and partitions away."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go

from reports.page.section import Panel, Section
from reports.page.table import Table
from reports.page.text import capital, inert
from reports.page.theme import BLUE, GREEN, GREY, PURPLE, VERMILION, figure
from study.checking.check import Check
from study.checking.check_file import read_check
from study.checking.leakage import Probe
from study.checking.terminal import headline
from study.results import StudyResults

__all__ = ["Probes", "check_sections", "findings_table", "probes", "probes_figure"]

_NAMED = 3
_COLOURS = {"label": BLUE, "train": GREEN, "devel": PURPLE, "test": VERMILION}


class Probes(NamedTuple):
    """Probes of one target, by group of measures."""

    target: str
    groups: tuple[str, ...]
    uar: tuple[float, ...]
    low: tuple[float, ...]  # of the 95 % intervals
    high: tuple[float, ...]
    chance: float
    matters: tuple[bool, ...]


def check_sections(results: StudyResults) -> list[Section]:
    """The section of the corpus's check; none where the study has none."""
    check = read_check(results.folder)
    if check is None:
        return []
    numbers = probes(check)
    warnings = [probe.sentence() for probe in check.probes if probe.matters]
    return [
        Section(
            "check",
            "Corpus check",
            "What is wrong with the corpus, and the UAR with which a linear probe guesses the "
            "label, or whether a clip is of a partition, from traces of the recording alone, on "
            "speakers or clips it was not fitted to, with 95 % intervals. A star matters: it is "
            "rare among permuted labels, and large.",
            (Panel("check", probes_figure(numbers)),) if numbers else (),
            findings_table(check),
            f"{capital(headline(check))}.",
            tuple(f"{capital(text)}." for text in warnings),
        )
    ]


def findings_table(check: Check) -> Table | None:
    """A row per kind of problem; None where nothing is wrong."""
    rows = tuple(
        (one.area, one.kind, f"{one.cases:,}", one.rule, _names(one.names, one.cases))
        for one in check.findings
        if one.area != "leakage"  # told as sentences
    )
    if not rows:
        return None
    columns = ("area", "kind", "cases", "rule", "first")
    return Table(columns, rows, (False, False, True, False, False))


def _names(names: Sequence[str], cases: int) -> str:
    more = f" and {cases - _NAMED:,} more" if cases > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def probes(check: Check) -> tuple[Probes, ...]:
    """What each target can be guessed from, in the order of the check."""
    targets: dict[str, list[Probe]] = {}
    for probe in check.probes:
        targets.setdefault(probe.target, []).append(probe)
    return tuple(
        Probes(
            target,
            tuple(one.group for one in own),
            tuple(one.uar for one in own),
            tuple(one.low for one in own),
            tuple(one.high for one in own),
            own[0].chance,
            tuple(one.matters for one in own),
        )
        for target, own in targets.items()
    )


def probes_figure(numbers: Sequence[Probes]) -> go.Figure:
    """UAR per group of measures with its interval and, dotted, chance; a star where it matters."""
    groups = list(dict.fromkeys(group for one in numbers for group in one.groups))[::-1]
    traces = []
    for k, one in enumerate(numbers):
        aside = 0.2 * ((len(numbers) - 1) / 2 - k)
        uar, low, high = (100 * np.array(values) for values in (one.uar, one.low, one.high))
        colour = _COLOURS.get(one.target, BLUE)
        traces.append(
            go.Scatter(
                x=uar.round(2).tolist(),
                y=[groups.index(group) + aside for group in one.groups],
                error_x={
                    "array": (high - uar).round(2).tolist(),
                    "arrayminus": (uar - low).round(2).tolist(),
                    "color": colour,
                    "thickness": 1.5,
                    "width": 0,
                },
                mode="markers",
                marker={
                    "color": colour,
                    "opacity": 1,
                    "size": [15 if matters else 8 for matters in one.matters],
                    "symbol": ["star" if matters else "circle" for matters in one.matters],
                },
                name="the label" if one.target == "label" else f"{one.target} or not",
                text=[
                    f"{inert(group)}: {value:.1f} %, {least:.1f} to {most:.1f} %"
                    for group, value, least, most in zip(one.groups, uar, low, high, strict=True)
                ],
                hovertemplate="%{text}<extra></extra>",
            )
        )
    chances = sorted({100 * one.chance for one in numbers})
    line = {"color": GREY, "dash": "dot", "width": 1.5}
    return figure(
        traces,
        height=130 + 56 * len(groups),
        xaxis={"title": {"text": "UAR of a linear probe (%)"}, "zeroline": False},
        yaxis={
            "tickvals": list(range(len(groups))),
            "ticktext": [inert(group) for group in groups],
            "range": [-0.6, len(groups) - 0.4],
            "zeroline": False,
            "showgrid": False,
        },
        shapes=[
            {"type": "line", "x0": x, "x1": x, "y0": 0, "y1": 1, "yref": "paper", "line": line}
            for x in chances
        ],
    )

"""What `spectune check` found: the corpus's problems and what gives labels and partitions away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from reports.page.section import Panel, Section
from reports.page.table import Table, table_of
from reports.page.text import between, capital, inert, percent
from reports.page.theme import BLUE, GREEN, GREY, PURPLE, VERMILION, figure, named, spots, whiskers
from study.checking.check import Check
from study.checking.check_file import read_check
from study.checking.leakage import Probe
from study.checking.terminal import headline
from study.results import StudyResults

MOST_NAMED = 3
TARGET_COLOURS = {"label": BLUE, "train": GREEN, "devel": PURPLE, "test": VERMILION}


def check_sections(results: StudyResults) -> list[Section]:
    """The section of the corpus's check; none where the study has none."""
    check = read_check(results.folder)
    if check is None:
        return []
    numbers = probes(check)
    warnings = [
        text for one in check.findings if one.kind == "voice and class" for text in one.names
    ]
    warnings += [probe.sentence() for probe in check.probes if probe.matters]
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
    rows = [
        {
            "area": finding.area,
            "kind": finding.kind,
            "cases": f"{finding.cases:,}",
            "rule": finding.rule,
            "first": _names(finding.names, finding.cases),
        }
        for finding in check.findings
        if finding.area != "leakage"  # whose findings are sentences
    ]
    return table_of(rows, words=("area", "kind", "rule", "first"))


def _names(names: Sequence[str], cases: int) -> str:
    more = f" and {cases - MOST_NAMED:,} more" if cases > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more


def probes(check: Check) -> dict[str, list[Probe]]:
    """What each target can be guessed from, in the order of the check."""
    targets: dict[str, list[Probe]] = {}
    for probe in check.probes:
        targets.setdefault(probe.target, []).append(probe)
    return targets


def probes_figure(numbers: Mapping[str, Sequence[Probe]]) -> go.Figure:
    """UAR per group of measures with its interval and, dotted, chance; a star where it matters."""
    every = [probe for own in numbers.values() for probe in own]
    groups = list(dict.fromkeys(probe.group for probe in every))[::-1]
    traces = []
    for k, (target, own) in enumerate(numbers.items()):
        aside = 0.2 * ((len(numbers) - 1) / 2 - k)
        uar, low, high = (100 * np.array([(p.uar, p.low, p.high) for p in own])).T.round(2)
        colour = TARGET_COLOURS.get(target, BLUE)
        traces.append(
            spots(
                uar.tolist(),
                [groups.index(probe.group) + aside for probe in own],
                [f"{inert(p.group)}: {percent(p.uar)}, {between(p.low, p.high)}" for p in own],
                name="the label" if target == "label" else f"{target} or not",
                error_x=whiskers(uar, low, high, color=colour, thickness=1.5, width=0),
                marker={
                    "color": colour,
                    "opacity": 1,
                    "size": [15 if probe.matters else 8 for probe in own],
                    "symbol": ["star" if probe.matters else "circle" for probe in own],
                },
            )
        )
    line = {"color": GREY, "dash": "dot", "width": 1.5}
    drawn = figure(
        traces,
        height=130 + 56 * len(groups),
        xaxis={"title": "UAR of a linear probe (%)", "zeroline": False},
        yaxis={**named(groups, longest=60), "range": [-0.6, len(groups) - 0.4]},
    )
    for chance in sorted({100 * probe.chance for probe in every}):
        drawn.add_vline(chance, line=line)
    return drawn

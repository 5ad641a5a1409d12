"""The fusion's path: UAR as members enter, beside what simpler choices give."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any, NamedTuple

import plotly.graph_objects as go

from reports.page.text import cell, inert, percent, points
from reports.page.theme import BLUE, GREEN, GREY, PURPLE, figure
from reports.systems.left_out import left_out, members_of, places
from study.fusion.methods.greedy import best_prefix
from study.results import StudyResults

__all__ = ["Fusion", "Part", "Reference", "Step", "fusion", "fusion_figure"]


class Step(NamedTuple):
    """The fusion after its n-th step; `gain` is over the step before."""

    n: int
    trial: int | None  # None for an imported system
    name: str
    weight: float | None  # in the final fusion; None where the member did not stay
    alone: float | None
    uar: float
    gain: float | None  # None of the first
    without: float | None = None  # what leaving the member out of the final fusion changes


class Reference(NamedTuple):
    """What a simpler choice gives."""

    label: str
    uar: float


class Part(NamedTuple):
    """A member of the final fusion; of a vote and of stacking the weights are equal."""

    trial: int | None
    name: str
    weight: float
    alone: float | None
    without: float | None = None


class Fusion(NamedTuple):
    """The path, of which the first `kept` steps are the fusion, and the references."""

    uar: float
    steps: tuple[Step, ...]
    references: tuple[Reference, ...]
    parts: tuple[Part, ...] = ()

    @property
    def kept(self) -> int:
        """The number of the step that was kept: the first of the best."""
        return self.steps[best_prefix([step.uar for step in self.steps]) - 1].n

    @property
    def repeats(self) -> bool:
        """Whether a member enters more than once, which makes it heavier."""
        return len({(step.trial, step.name) for step in self.steps}) < len(self.steps)


def fusion(results: StudyResults) -> Fusion | None:
    """The path of the fusion; None without one."""
    ensemble = results.ensemble
    if ensemble is None:
        return None
    without, own = left_out(results), places(ensemble)
    parts = [
        Part(getattr(m, "trial", None), m.name, m.weight, m.uar, without.get(place))
        for m, place in zip(members_of(ensemble), own, strict=True)
    ]
    # The seeds of one spec enter together, under their first trial.
    weights: dict[int, float] = defaultdict(float)
    for part, place in zip(parts, own, strict=True):
        weights[place] += part.weight
    members = {
        (part.trial, part.name if part.trial is None else ""): part._replace(weight=weights[place])
        for part, place in zip(parts, own, strict=True)
    }
    steps: list[Step] = []
    for entry in ensemble.trajectory:
        trial, name = entry.get("trial"), str(entry.get("name", ""))
        member = members.get((trial, name if trial is None else ""))
        steps.append(
            Step(
                n=int(entry["n"]),
                trial=trial,
                name=name,
                weight=member.weight if member else None,
                alone=member.alone if member else None,
                uar=float(entry["uar"]),
                gain=float(entry["uar"]) - steps[-1].uar if steps else None,
                without=member.without if member else None,
            )
        )
    labels = {
        "best_single": "best single (trial {trial})",
        "uniform": "average of all {n}",
        "top_k": "average of the best {k}",
    }
    references = tuple(
        Reference(_fill(label, ensemble.references[key]), float(ensemble.references[key]["uar"]))
        for key, label in labels.items()
        if ensemble.references.get(key, {}).get("uar") is not None
    )
    return Fusion(ensemble.uar, tuple(steps), references, tuple(parts))


def fusion_figure(numbers: Fusion) -> go.Figure:
    """The path with a star at the step that was kept, each reference as a horizontal line."""
    last = max((step.n for step in numbers.steps), default=1)
    traces = [
        go.Scatter(
            x=[1, max(last, 2)],
            y=[100 * reference.uar] * 2,
            mode="lines",
            name=f"{reference.label}: {percent(reference.uar)}",
            line={"color": colour, "dash": dash, "width": 2},
            hoverinfo="name",
            hoverlabel={"namelength": -1},
        )
        for reference, colour, dash in zip(
            numbers.references, (GREEN, GREY, PURPLE), ("dash", "dot", "dashdot"), strict=False
        )
    ]
    traces.append(
        go.Scatter(
            x=[step.n for step in numbers.steps],
            y=[100 * step.uar for step in numbers.steps],
            text=[inert(_tell(step)) for step in numbers.steps],
            hoverinfo="text",
            mode="lines+markers",
            name="selection, step by step",
            line={"color": BLUE, "width": 2},
            marker={"size": 7},
        )
    )
    if numbers.steps:
        traces.append(
            go.Scatter(
                x=[numbers.kept],
                y=[100 * numbers.uar],
                mode="markers",
                name=f"the fusion, kept at step {numbers.kept}: {percent(numbers.uar)}",
                hoverinfo="name",
                hoverlabel={"namelength": -1},
                marker={"color": BLUE, "size": 18, "symbol": "star"},
            )
        )
    title = "steps (a member may enter again)" if numbers.repeats else "members"
    return figure(
        traces,
        xaxis={
            "title": {"text": title},
            "dtick": max(1, last // 10),
            "tickformat": "d",
            "range": [0.5, max(last, 2) + 0.5],
        },
        yaxis={"title": {"text": "devel UAR (%)"}, "hoverformat": ".1f"},
        legend={"orientation": "h", "y": -0.22, "x": 0},
    )


def _tell(step: Step) -> str:
    gain = "" if step.gain is None else f", {points(step.gain)}"
    who = "imported" if step.trial is None else f"trial {step.trial}"
    return f"{step.n}: {who} {step.name}: {percent(step.uar)}{gain}"


def _fill(label: str, known: Mapping[str, Any]) -> str:
    """Fill in what the reference tells of itself."""
    if "trial" in label and known.get("trial") is None and known.get("name"):
        return f"best single ({known['name']}, imported)"
    return label.format(**{key: cell(known.get(key)) for key in ("trial", "n", "k")})

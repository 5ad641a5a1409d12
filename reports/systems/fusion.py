"""The fusion's path: UAR as members enter, beside what simpler choices give."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import plotly.graph_objects as go

from reports.page.text import cell, inert, percent, points
from reports.page.theme import BLUE, GREEN, GREY, PURPLE, figure, spots
from reports.systems.left_out import left_out, members_of, places
from study.fusion.methods.greedy import best_prefix
from study.results import StudyResults


class Member(NamedTuple):
    """A network or an imported system; of a vote and of stacking the weights are equal."""

    trial: int | None  # None for an imported system
    name: str
    weight: float | None = None  # in the final fusion; None where the member did not stay
    alone: float | None = None  # its UAR
    without: float | None = None  # what leaving it out of the final fusion changes


class Step(NamedTuple):
    """The fusion after its n-th step; `gain` is over the step before, None of the first."""

    n: int
    member: Member
    uar: float
    gain: float | None


class Reference(NamedTuple):
    """What a simpler choice gives."""

    label: str
    uar: float


class FusionPath(NamedTuple):
    """The steps, of which the first `kept` are the fusion, the references and its members."""

    uar: float
    steps: tuple[Step, ...]
    references: tuple[Reference, ...]
    members: tuple[Member, ...] = ()

    @property
    def kept(self) -> int:
        """The number of the step that was kept: the first of the best."""
        return self.steps[best_prefix([step.uar for step in self.steps]) - 1].n

    @property
    def repeats(self) -> bool:
        """Whether a member enters more than once, which makes it heavier."""
        return len({step.member[:2] for step in self.steps}) < len(self.steps)


def fusion(results: StudyResults) -> FusionPath | None:
    """The path of the fusion; None without one."""
    ensemble = results.ensemble
    if ensemble is None:
        return None
    without, positions = left_out(results), places(ensemble)
    members = [
        Member(getattr(m, "trial", None), m.name, m.weight, m.uar, without.get(position))
        for m, position in zip(members_of(ensemble), positions, strict=True)
    ]
    # The seeds of one spec enter together, under their first trial.
    weights = np.bincount(positions, [member.weight for member in members_of(ensemble)]).tolist()
    entering = {
        _key(member.trial, member.name): member._replace(weight=weights[position])
        for member, position in zip(members, positions, strict=True)
    }
    steps: list[Step] = []
    for entry in ensemble.trajectory:
        trial, name, uar = entry.get("trial"), str(entry.get("name", "")), float(entry["uar"])
        member = entering.get(_key(trial, name), Member(trial, name))._replace(name=name)
        steps.append(Step(int(entry["n"]), member, uar, uar - steps[-1].uar if steps else None))
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
    return FusionPath(ensemble.uar, tuple(steps), references, tuple(members))


def _key(trial: int | None, name: str) -> int | str:
    """What a member is known by: its trial, or the name of an imported system."""
    return name if trial is None else trial


def fusion_figure(numbers: FusionPath) -> go.Figure:
    """The path with a star at the step that was kept, each reference as a horizontal line."""
    last = max((step.n for step in numbers.steps), default=1)
    named = {"hoverinfo": "name", "hoverlabel": {"namelength": -1}}
    looks = zip(numbers.references, (GREEN, GREY, PURPLE), ("dash", "dot", "dashdot"), strict=False)
    traces = [
        go.Scatter(
            x=[1, max(last, 2)],
            y=[100 * reference.uar] * 2,
            mode="lines",
            name=f"{reference.label}: {percent(reference.uar)}",
            line={"color": colour, "dash": dash, "width": 2},
            **named,
        )
        for reference, colour, dash in looks
    ]
    path = spots(
        [step.n for step in numbers.steps],
        [100 * step.uar for step in numbers.steps],
        [inert(_hover_text(step)) for step in numbers.steps],
        name="selection, step by step",
        line={"color": BLUE, "width": 2},
        marker={"size": 7},
    )
    traces.append(path.update(mode="lines+markers"))
    if numbers.steps:
        name = f"the fusion, kept at step {numbers.kept}: {percent(numbers.uar)}"
        star = {"color": BLUE, "size": 18, "symbol": "star"}
        y = [100 * numbers.uar]
        traces.append(
            go.Scatter(x=[numbers.kept], y=y, mode="markers", name=name, marker=star, **named)
        )
    title = "steps (a member may enter again)" if numbers.repeats else "members"
    return figure(
        traces,
        xaxis={
            "title": title,
            "dtick": max(1, last // 10),
            "tickformat": "d",
            "range": [0.5, max(last, 2) + 0.5],
        },
        yaxis={"title": "devel UAR (%)", "hoverformat": ".1f"},
        legend={"orientation": "h", "y": -0.22, "x": 0},
    )


def _hover_text(step: Step) -> str:
    gain = "" if step.gain is None else f", {points(step.gain)}"
    origin = "imported" if step.member.trial is None else f"trial {step.member.trial}"
    return f"{step.n}: {origin} {step.member.name}: {percent(step.uar)}{gain}"


def _fill(label: str, known: Mapping[str, Any]) -> str:
    """Fill in what the reference tells of itself."""
    if "trial" in label and known.get("trial") is None and known.get("name"):
        return f"best single ({known['name']}, imported)"
    return label.format(**{key: cell(known.get(key)) for key in ("trial", "n", "k")})

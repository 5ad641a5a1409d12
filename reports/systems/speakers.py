"""UAR per speaker: does the result rest on a few voices?"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from reports.page.section import Panel, Section
from reports.page.text import inert, percent
from reports.page.theme import BLUE, GREY, VERMILION, figure, named, spots
from reports.systems.systems import System
from study.results import StudyResults

MOST_SPEAKERS = 60  # that have a row each; of more the worst and the best have one
MOST_AT_AN_END = 20
N_QUANTILES = 101
LOOKS = ((BLUE, "circle"), (VERMILION, "diamond-open"))


class SpeakerScores(NamedTuple):
    """UAR of each system for each speaker, over the classes the speaker has; worst first."""

    speakers: tuple[str, ...]
    n_clips: tuple[int, ...]
    n_classes: tuple[int, ...]
    systems: tuple[str, ...]
    uars: tuple[tuple[float, ...], ...]  # (systems, speakers)


def speakers_section(results: StudyResults, systems: Sequence[System]) -> Section:
    """The section of single speakers."""
    numbers = speakers(results, systems)
    panels, note = [], "Fewer than two devel speakers are known."
    if numbers:
        fewer = min(numbers.n_classes) < len(results.classes)
        note = "A speaker's UAR is over the classes that the speaker has." if fewer else ""
        panels.append(Panel("speakers", speakers_figure(numbers)))
    if numbers and (n := len(numbers.speakers)) > MOST_SPEAKERS:
        panels[0] = panels[0]._replace(heading="The best and the worst")
        panels.append(Panel("speakers-all", quantiles_figure(numbers), f"All {n:,} speakers"))
    return Section(
        "speakers",
        "UAR per speaker",
        "Devel UAR of each speaker alone; a wide spread says that the result rests on who speaks.",
        tuple(panels),
        note=note,
    )


def speakers(results: StudyResults, systems: Sequence[System]) -> SpeakerScores | None:
    """The scores, sorted by the first system; None where fewer than two speakers are known."""
    if not systems or "devel" not in results.partitions:
        return None
    speaker_of = {
        clip.file_name: clip.speaker
        for clip in results.partitions["devel"].clips
        if clip.speaker is not None
    }
    scores = [_scores(system, speaker_of) for system in systems]
    first = scores[0].sort_values("uar", kind="stable")  # equal ones by name
    if len(first) < 2:
        return None
    return SpeakerScores(
        speakers=tuple(first.index),
        n_clips=tuple(first["n_clips"].tolist()),
        n_classes=tuple(first["n_classes"].tolist()),
        systems=tuple(system.title for system in systems),
        uars=tuple(tuple(one["uar"].reindex(first.index).tolist()) for one in scores),
    )


def speakers_figure(numbers: SpeakerScores) -> go.Figure:
    """A row per speaker, the best on top, a point per system; of many the worst and the best."""
    n = len(numbers.speakers)
    rows = list(range(n))
    if n > MOST_SPEAKERS:
        rows = [*rows[:MOST_AT_AN_END], *rows[-MOST_AT_AN_END:]]
    names = [f"{numbers.speakers[row]} ({numbers.n_clips[row]:,} clips)" for row in rows]
    traces = [
        spots(
            [_percent(uars[row]) for row in rows],
            list(range(len(rows))),
            [inert(f"{name}: {percent(uars[n])}") for name, n in zip(names, rows, strict=True)],
            name=inert(system),
            marker={"color": colour, "symbol": symbol, "size": 11},
        )
        for system, uars, (colour, symbol) in zip(
            numbers.systems, numbers.uars, LOOKS, strict=False
        )
    ]
    between = {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "line": {"color": GREY}}
    at = MOST_AT_AN_END - 0.5
    return figure(
        traces,
        height=150 + 26 * len(names),
        xaxis={"title": "devel UAR (%)"},
        yaxis={**named(names, longest=28), "showgrid": True},
        shapes=[{**between, "y0": at, "y1": at}] if len(rows) < n else [],
    )


def quantiles_figure(numbers: SpeakerScores) -> go.Figure:
    """What part of the speakers stays below a UAR, a line per system."""
    shares = np.linspace(0, 100, N_QUANTILES)
    traces = [
        go.Scatter(
            x=np.round(np.nanpercentile(np.array(uars) * 100, shares), 2).tolist(),
            y=shares.tolist(),
            mode="lines",
            name=inert(system),
            hovertemplate="%{y:.0f} % of the speakers have at most %{x:.1f} %<extra></extra>",
            line={"color": colour, "dash": dash},
        )
        for system, uars, (colour, _), dash in zip(
            numbers.systems, numbers.uars, LOOKS, ("solid", "dash"), strict=False
        )
    ]
    return figure(
        traces,
        height=320,
        xaxis={"title": "devel UAR (%)"},
        yaxis={"title": "speakers with at most that (%)", "range": [0, 100]},
    )


def _percent(uar: float) -> float | None:
    return round(100 * uar, 2) if math.isfinite(uar) else None


def _scores(system: System, speaker_of: Mapping[str, str]) -> pd.DataFrame:
    """`uar`, `n_clips` and `n_classes` of the known speakers, over the classes that each has."""
    speaker = [speaker_of.get(name) for name in system.file_names]
    clips = pd.DataFrame({"speaker": speaker, "label": system.labels})
    clips["right"] = np.array(system.labels) == np.array(system.predictions)
    clips = clips.dropna(subset=["speaker"])
    recalls = clips.groupby(["speaker", "label"])["right"].mean().groupby("speaker")
    n_clips = clips.groupby("speaker").size()
    return pd.DataFrame({"uar": recalls.mean(), "n_clips": n_clips, "n_classes": recalls.size()})

"""UAR per speaker: does the result rest on a few voices?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import plotly.graph_objects as go

from reports.systems import System
from reports.text import inert, percent
from reports.theme import BLUE, VERMILION, figure, named
from study.metrics import confusion_matrix, uar_from_confusion
from study.results import StudyResults

__all__ = ["SpeakerScores", "speakers", "speakers_figure"]


class SpeakerScores(NamedTuple):
    """UAR of each system for each speaker, over the classes the speaker has; worst first."""

    speakers: tuple[str, ...]
    n_clips: tuple[int, ...]
    n_classes: tuple[int, ...]
    systems: tuple[str, ...]
    uars: tuple[tuple[float, ...], ...]  # (systems, speakers)


def speakers(results: StudyResults, systems: Sequence[System]) -> SpeakerScores | None:
    """The scores, sorted by the first system; None where fewer than two speakers are known."""
    if not systems or "devel" not in results.partitions:
        return None
    speaker_of = {
        clip.file_name: clip.speaker
        for clip in results.partitions["devel"].clips
        if clip.speaker is not None
    }
    names = sorted({speaker_of[name] for name in systems[0].file_names if name in speaker_of})
    if len(names) < 2:
        return None
    scores = {name: tuple(_uar(system, speaker_of, name) for system in systems) for name in names}
    order = sorted(names, key=lambda name: (scores[name][0], name))
    labels = {
        name: [
            label
            for file_name, label in zip(systems[0].file_names, systems[0].labels, strict=True)
            if speaker_of.get(file_name) == name
        ]
        for name in order
    }
    return SpeakerScores(
        speakers=tuple(order),
        n_clips=tuple(len(labels[name]) for name in order),
        n_classes=tuple(len(set(labels[name])) for name in order),
        systems=tuple(system.title for system in systems),
        uars=tuple(tuple(scores[name][place] for name in order) for place in range(len(systems))),
    )


def speakers_figure(numbers: SpeakerScores) -> go.Figure:
    """A row per speaker, the best on top, a point per system."""
    names = [
        f"{name} ({n:,} clips)" for name, n in zip(numbers.speakers, numbers.n_clips, strict=True)
    ]
    traces = [
        go.Scatter(
            x=[100 * uar for uar in uars],
            y=list(range(len(names))),
            mode="markers",
            name=inert(system),
            text=[inert(f"{name}: {percent(uar)}") for name, uar in zip(names, uars, strict=True)],
            hoverinfo="text",
            marker={"color": colour, "symbol": symbol, "size": 11},
        )
        for system, uars, (colour, symbol) in zip(
            numbers.systems,
            numbers.uars,
            ((BLUE, "circle"), (VERMILION, "diamond-open")),
            strict=False,
        )
    ]
    return figure(
        traces,
        height=150 + 26 * len(names),
        xaxis={"title": {"text": "devel UAR (%)"}},
        yaxis={**named(names, longest=28), "showgrid": True},
    )


def _uar(system: System, speaker_of: dict[str, str], speaker: str) -> float:
    rows = [
        (label, guess)
        for name, label, guess in zip(
            system.file_names, system.labels, system.predictions, strict=True
        )
        if speaker_of.get(name) == speaker
    ]
    if not rows:
        return float("nan")
    labels, guesses = zip(*rows, strict=True)
    return float(uar_from_confusion(confusion_matrix(labels, guesses)))

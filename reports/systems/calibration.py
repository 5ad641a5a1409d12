"""Calibration: how often a system is right when it says how sure it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go

from reports.page.section import Panel, Section
from reports.page.text import inert
from reports.page.theme import BLUE, GREY, VERMILION, figure
from reports.systems.systems import System
from study.files import mapping, number
from study.results import StudyResults


class Bin(NamedTuple):
    """Clips of similar confidence."""

    confidence: float  # mean
    accuracy: float
    n: int


class Calibration(NamedTuple):
    """Bins of equal numbers of clips, and the expected calibration error over them."""

    title: str
    bins: tuple[Bin, ...]
    error: float


def calibration_section(results: StudyResults, systems: Sequence[System]) -> Section:
    """The section, which says what makes the systems unlike."""
    known = [calibration(system) for system in systems]
    return Section(
        "calibration",
        "Calibration",
        "How often a prediction is right at the probability it was given, in bins of equally many "
        "devel clips; below the dotted line a system is surer than it should be.",
        (Panel("calibration", calibration_figure(known)),) if known else (),
        note=_unlike(results) if known else "There are no devel predictions with labels.",
    )


def _unlike(results: StudyResults) -> str:
    """A sentence where the fusion's probabilities were tempered; the single's never are."""
    rule = mapping(results.ensemble.rule) if results.ensemble else {}
    temperature = number(mapping(rule.get("decision")).get("temperature"))
    if temperature in (None, 1.0):
        return ""
    return (
        f"The fusion's temperature ({temperature:.2f}) was fitted to these clips, which flatters "
        "its error; the single model's probabilities are raw."
    )


def calibration(system: System, *, n_bins: int = 10) -> Calibration:
    """Bins of (nearly) equal size by confidence; fewer where clips are few (10 a bin at least)."""
    confidence = np.array(system.confidences, dtype=np.float64)
    right = np.array(system.labels) == np.array(system.predictions)
    order = np.argsort(confidence, kind="stable")
    parts = np.array_split(order, max(1, min(n_bins, len(order) // 10)))
    bins = tuple(
        Bin(float(confidence[part].mean()), float(right[part].mean()), len(part)) for part in parts
    )
    error = sum(b.n * abs(b.accuracy - b.confidence) for b in bins) / len(order)
    return Calibration(system.title, bins, error)


def calibration_figure(systems: Sequence[Calibration]) -> go.Figure:
    """Accuracy by confidence, the diagonal being right as often as said."""
    lowest = min(min(b.confidence, b.accuracy) for system in systems for b in system.bins)
    traces = [
        go.Scatter(
            x=[100 * lowest, 100],
            y=[100 * lowest, 100],
            mode="lines",
            name="right as often as said",
            line={"color": GREY, "dash": "dot"},
            hoverinfo="skip",
        )
    ]
    traces += [
        go.Scatter(
            x=[100 * b.confidence for b in system.bins],
            y=[100 * b.accuracy for b in system.bins],
            customdata=[b.n for b in system.bins],
            mode="lines+markers",
            name=inert(f"{system.title} (error {100 * system.error:.1f} points)"),
            hovertemplate="said %{x:.1f} %, right %{y:.1f} % of %{customdata} clips<extra></extra>",
            line={"color": colour},
            marker={"symbol": symbol, "size": 8},
        )
        for system, colour, symbol in zip(
            systems, (BLUE, VERMILION), ("circle", "diamond-open"), strict=False
        )
    ]
    return figure(
        traces,
        xaxis={"title": "probability of the predicted class (%)"},
        yaxis={"title": "clips predicted rightly (%)"},
        legend={"orientation": "h", "y": -0.22, "x": 0},
    )

"""Calibration: how often a system is right when it says how sure it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go

from reports.systems import System
from reports.text import inert
from reports.theme import BLUE, GREY, VERMILION, figure

__all__ = ["Bin", "Calibration", "calibration", "calibration_figure"]


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
            hovertemplate=(
                "said %{x:.1f} %, right %{y:.1f} % of %{customdata} clips<extra></extra>"
            ),
            line={"color": colour},
            marker={"symbol": symbol, "size": 8},
        )
        for system, colour, symbol in zip(
            systems, (BLUE, VERMILION), ("circle", "diamond-open"), strict=False
        )
    ]
    return figure(
        traces,
        xaxis={"title": {"text": "probability of the predicted class (%)"}},
        yaxis={"title": {"text": "clips predicted rightly (%)"}},
        legend={"orientation": "h", "y": -0.22, "x": 0},
    )

"""What a page is made of: sections, and the figures in them."""

from __future__ import annotations

from typing import NamedTuple

import plotly.graph_objects as go

from reports.leaderboard import Table

__all__ = ["Panel", "Section"]


class Panel(NamedTuple):
    """One figure with its file name and its heading (empty where the section's says enough)."""

    name: str
    figure: go.Figure
    heading: str = ""


class Section(NamedTuple):
    """One part of the page; `note` says why there is no figure, or how far to trust it."""

    id: str
    title: str
    sentence: str
    panels: tuple[Panel, ...] = ()
    table: Table | None = None
    note: str = ""
    points: tuple[str, ...] = ()  # sentences, one a line

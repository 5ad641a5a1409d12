"""What a page is made of: its head, its sections, and the figures in them."""

from __future__ import annotations

import base64
from typing import NamedTuple

import plotly.graph_objects as go

from reports.page.table import Table


class Head(NamedTuple):
    """The head of the page, as texts."""

    study: str
    corpus: str
    simulated: bool
    verdict: str  # what won and by how much
    caution: str  # what that figure is not; empty without one
    facts: tuple[tuple[str, str], ...]  # label, value
    provenance: tuple[tuple[str, str], ...]


class Panel(NamedTuple):
    """One figure with its file name and its heading (empty where the section's says enough)."""

    name: str
    figure: go.Figure
    heading: str = ""

    @property
    def wide(self) -> bool:
        """Whether it needs the width of the page, and scrolls where there is less."""
        return bool((self.figure.layout.meta or {}).get("wide"))


class Picture(NamedTuple):
    """A PNG, its heading and what is to be said below it."""

    heading: str
    png: bytes
    caption: str = ""

    @property
    def address(self) -> str:
        """The picture as an address that holds it."""
        return f"data:image/png;base64,{base64.b64encode(self.png).decode()}"


class Section(NamedTuple):
    """One part of the page; `note` says why there is no figure, or how far to trust it."""

    id: str
    title: str
    sentence: str
    panels: tuple[Panel, ...] = ()
    table: Table | None = None
    note: str = ""
    points: tuple[str, ...] = ()  # sentences, one a line
    pictures: tuple[Picture, ...] = ()

"""How values are written on the page."""

from __future__ import annotations

import html
import json
from typing import Any

from study.text import NOTHING, duration, percent

__all__ = ["between", "capital", "cell", "duration", "inert", "percent", "points", "unbroken"]


def points(difference: float | None) -> str:
    """A difference of two UARs in percentage points, signed; a missing one is a hyphen.

    >>> points(0.0312), points(-0.005), points(None)
    ('+3.1 points', '-0.5 points', '-')
    """
    if difference is None:
        return NOTHING
    return f"{100 * difference:+z.1f} points"


def between(low: float | None, high: float | None) -> str:
    """An interval of a UAR; a missing one is a hyphen.

    >>> between(0.6, 0.8), between(None, None)
    ('60.0 % to 80.0 %', '-')
    """
    return NOTHING if low is None or high is None else f"{percent(low)} to {percent(high)}"


def capital(text: str) -> str:
    """A text that begins a sentence: its first letter large, all others as they are.

    >>> capital("64 clips"), capital("a DC offset"), capital("")
    ('64 clips', 'A DC offset', '')
    """
    return text[:1].upper() + text[1:]


def unbroken(text: str) -> str:
    """A text whose numbers do not part from their per cent at the end of a line."""
    return text.replace(" %", "\u00a0%")


def cell(value: Any) -> str:
    """A parameter's value, short; a missing one is a hyphen.

    >>> cell(0.00123456), cell(2048.0), cell([8.0, 16.0]), cell(True), cell(None)
    ('0.00123', '2048', '8+16', 'yes', '-')
    """
    if value is None:
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.0f}" if 999.5 <= abs(value) < 1e6 else f"{value:.3g}"
    if isinstance(value, (list, tuple)):
        return "+".join(cell(item) for item in value)
    return str(value) if isinstance(value, (str, int)) else json.dumps(value, sort_keys=True)


def inert(text: str, *, longest: int = 60) -> str:
    """A name for a text of plotly, which reads tags and entities: shortened, then escaped.

    >>> inert("<b>a & b</b>")
    '&lt;b&gt;a &amp; b&lt;/b&gt;'
    """
    short = text if len(text) <= longest else f"{text[: longest - 1]}…"
    return html.escape(short, quote=False)

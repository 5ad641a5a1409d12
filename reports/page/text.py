"""How values are written on the page."""

from __future__ import annotations

import html
import json
from typing import Any

from study.text import NOTHING, duration, percent

__all__ = ["capital", "cell", "duration", "inert", "percent", "points"]


def points(difference: float) -> str:
    """A difference of two UARs in percentage points, signed.

    >>> points(0.0312), points(-0.005)
    ('+3.1 points', '-0.5 points')
    """
    value = f"{100 * difference:+.1f}".replace("-0.0", "+0.0")
    return f"{value} points"


def capital(text: str) -> str:
    """A text that begins a sentence: its first letter large, all others as they are.

    >>> capital("64 clips"), capital("a DC offset"), capital("")
    ('64 clips', 'A DC offset', '')
    """
    return text[:1].upper() + text[1:]


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

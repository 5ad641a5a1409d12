"""How values are written on the page."""

from __future__ import annotations

import html
import json
from typing import Any

__all__ = ["cell", "duration", "inert", "percent", "points"]

NOTHING = "-"


def percent(uar: float | None) -> str:
    """UAR as per cent with one decimal.

    >>> percent(0.8012)
    '80.1 %'
    """
    return NOTHING if uar is None else f"{100 * uar:.1f} %"


def points(difference: float) -> str:
    """A difference of two UARs in percentage points, signed.

    >>> points(0.0312), points(-0.005)
    ('+3.1 points', '-0.5 points')
    """
    value = f"{100 * difference:+.1f}".replace("-0.0", "+0.0")
    return f"{value} points"


def duration(seconds: float | None) -> str:
    """A time span in the two largest units.

    >>> duration(42.4), duration(100), duration(7300)
    ('42 s', '1 min 40 s', '2 h 1 min')
    """
    if seconds is None:
        return NOTHING
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def cell(value: Any) -> str:
    """A parameter's value, short; a missing one is a hyphen.

    >>> cell(0.00123456), cell([8.0, 16.0]), cell(True), cell(None)
    ('0.00123', '8+16', 'yes', '-')
    """
    if value is None:
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.3g}"
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

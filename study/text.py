"""How values are written for a person, on a terminal and on the page."""

from __future__ import annotations

__all__ = ["NOTHING", "duration", "percent", "spreadsheet_safe"]

NOTHING = "-"
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def percent(uar: float | None) -> str:
    """UAR as per cent with one decimal.

    >>> percent(0.8012)
    '80.1 %'
    """
    return NOTHING if uar is None else f"{100 * uar:.1f} %"


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


def spreadsheet_safe(text: str) -> str:
    """Text that a spreadsheet takes for text, not for a formula.

    >>> spreadsheet_safe("=1+1"), spreadsheet_safe("mask")
    ("'=1+1", 'mask')
    """
    return f"'{text}" if text.startswith(FORMULA) else text

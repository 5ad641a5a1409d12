"""How values are written for a person, on a terminal and on the page."""

from __future__ import annotations

import re
from collections.abc import Container, Sequence

NOTHING = "-"
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")  # all but tab and line end
PASSWORD = re.compile(r"(://[^\s:/@]*:)\S+@")


def percent(uar: float | None) -> str:
    """UAR as per cent with one decimal.

    >>> percent(0.8012)
    '80.1 %'
    """
    return NOTHING if uar is None else f"{100 * uar:.1f} %"


def probability(p: float) -> str:
    """Return a p-value with three decimals; none is zero.

    >>> probability(0.0204), probability(0.00008)
    ('0.020', '< 0.001')
    """
    return f"{p:.3f}" if p >= 0.001 else "< 0.001"


def p_is(p: float) -> str:
    """Return a p-value for a sentence.

    >>> p_is(0.0204), p_is(0.00008)
    ('p = 0.020', 'p < 0.001')
    """
    return f"p = {p:.3f}" if p >= 0.001 else "p < 0.001"


def aligned(rows: Sequence[Sequence[str]], left: Container[int] = (0,)) -> list[str]:
    """Return a table as lines, columns below each other.

    Args:
        rows: Cells, as many in each row.
        left: Columns whose cells begin below each other; those of the others end so.

    >>> aligned([("name", "UAR"), ("a", "80.1 %")])
    ['name     UAR', 'a     80.1 %']
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if k in left else cell.rjust(width)
            for k, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


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


def plural(n: int, what: str) -> str:
    """A count with its noun.

    >>> plural(1, "speaker"), plural(1200, "speaker")
    ('1 speaker', '1,200 speakers')
    """
    return f"{n:,} {what}" + ("" if n == 1 else "s")


def first_of(names: Sequence[str], most: int = 12) -> str:
    """The first of many names.

    >>> first_of(["a", "b", "c"], most=2)
    'a, b and 1 more'
    """
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def printable(text: str) -> str:
    """Text that a terminal shows and does not obey: names in a corpus may hold escape sequences.

    >>> printable("class " + chr(27) + "[2J") == "class " + chr(92) + "x1b[2J"
    True
    """
    return CONTROL.sub(lambda found: repr(found[0])[1:-1], text)


def without_passwords(text: str) -> str:
    """Return a text whose addresses hide their passwords, as errors of a store quote them.

    >>> without_passwords("no answer from https://me:secret@host/api")
    'no answer from https://me:***@host/api'
    """
    return PASSWORD.sub(r"\1***@", text)

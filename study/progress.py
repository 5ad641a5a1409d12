"""Reporting now and then how far something long has come."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from study.text import duration

T = TypeVar("T")

Progress = Callable[[int, int], None]  # how many are done, of how many


def report_time_left(what: str, echo: Callable[[str], None], *, every_s: float = 15.0) -> Progress:
    """Return a progress that prints a line where some seconds have passed without one.

    What takes less prints nothing.

    Args:
        what: What is done, and what is counted: `fusion: fits`.
        echo: Prints a line.
        every_s: Least seconds between two lines.
    """
    began = last = time.monotonic()

    def report(done: int, total: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last < every_s or not 0 < done < total:
            return
        last = now
        left = (now - began) * (total - done) / done
        echo(f"{what} {done} of {total}, about {duration(left)} left")

    return report


def report_tenths(what: str, echo: Callable[[str], None], *, least: int = 2000) -> Progress:
    """Return a progress that prints a line at each tenth.

    Args:
        what: What is done: `decoding files`.
        echo: Prints a line.
        least: Of fewer nothing is printed.
    """
    reported = 0

    def report(done: int, total: int) -> None:
        nonlocal reported
        tenth = 10 * done // max(total, 1)
        if total >= least and tenth > reported:
            reported = tenth
            echo(f"{what}: {10 * tenth} % ({done:,} of {total:,})")

    return report


def no_progress(done: int, total: int) -> None:
    """Report nothing."""


def with_progress(
    items: Iterable[T], progress: Progress, *, total: int, before: int = 0
) -> Iterator[T]:
    """Yield the items, and report after each how many are done.

    Args:
        items: What is worked through.
        progress: Is given how many are done, of how many.
        total: How many there are, those before included.
        before: How many were done before the first.
    """
    for n, item in enumerate(items, start=before + 1):
        yield item
        progress(n, total)

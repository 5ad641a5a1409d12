"""Saying now and then how far something long has come."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from study.text import duration

__all__ = ["Told", "counted", "silent", "telling"]

T = TypeVar("T")

Told = Callable[[int, int], None]  # how many are done, of how many


def telling(what: str, echo: Callable[[str], None], *, every_s: float = 15.0) -> Told:
    """Return a progress that says a line where some seconds have passed without one.

    What takes less says nothing.

    Args:
        what: What is done, and what is counted: `fusion: fits`.
        echo: Prints a line.
        every_s: Least seconds between two lines.
    """
    began = last = time.monotonic()

    def told(done: int, total: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last < every_s or not 0 < done < total:
            return
        last = now
        left = (now - began) * (total - done) / done
        echo(f"{what} {done} of {total}, about {duration(left)} left")

    return told


def silent(done: int, total: int) -> None:
    """Say nothing."""


def counted(items: Iterable[T], told: Told, *, total: int, before: int = 0) -> Iterator[T]:
    """Give the items, and tell after each how many are done.

    Args:
        items: What is worked through.
        told: Is given how many are done, of how many.
        total: How many there are, those before included.
        before: How many were done before the first.
    """
    for n, item in enumerate(items, start=before + 1):
        yield item
        told(n, total)

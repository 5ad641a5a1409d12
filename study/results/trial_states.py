"""Whether a trial without an end is running, or was left by a session that is over."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from study.results.lock import RUN, held_here, holder

RUNNING, INTERRUPTED = "running", "interrupted"


def is_running(folder: Path) -> bool:
    """Whether `spectune run` is at work on a study in another process.

    In its own it asks when its trials are over, for the leaderboard and the report.
    """
    return holder(folder) == RUN and not held_here(folder)


def shown_state(state: str, *, running: bool) -> str:
    """Return the state of a trial as a person is to read it.

    Args:
        state: One of `study.results.trial_record.STATES`.
        running: Whether the study runs; else what has not ended was interrupted.

    >>> shown_state("running", running=False), shown_state("pruned", running=False)
    ('interrupted', 'pruned')
    """
    return INTERRUPTED if state == RUNNING and not running else state


def shown_counts(counts: Mapping[str, int], *, running: bool) -> dict[str, int]:
    """Return how many trials there are in each state, as a person is to read it."""
    left = counts.get(RUNNING, 0)
    return {**counts, RUNNING: left if running else 0, INTERRUPTED: 0 if running else left}


def count_words(counts: Mapping[str, int]) -> list[str]:
    """Return counts in words, states without a trial left out.

    >>> count_words({"complete": 3, "failed": 0, "interrupted": 1})
    ['3 complete', '1 interrupted (goes on)']
    """
    return [
        f"{n} {state}{' (goes on)' if state == INTERRUPTED else ''}"
        for state, n in counts.items()
        if n
    ]

"""How fast a study goes and how long it still takes: for the live display and for `status`."""

from __future__ import annotations

from study.text import duration

__all__ = ["pace_words", "seconds_left", "trials_per_hour"]


def trials_per_hour(ended: int, seconds: float) -> float | None:
    """Return the rate of a session; None before its first trial has ended.

    >>> trials_per_hour(5, 600), trials_per_hour(0, 600)
    (30.0, None)
    """
    return 3600 * ended / seconds if ended > 0 and seconds > 0 else None


def seconds_left(
    *, done: int, total: int | None, rate: float | None, hours: float | None, elapsed: float
) -> float | None:
    """Return the time until the budget is used; None where that is not known, or it is used.

    Args:
        done: Trials that have ended.
        total: Trials there will be, if that is known.
        rate: Trials an hour.
        hours: The budget of wall time, if there is one.
        elapsed: Seconds of it that are used.

    >>> seconds_left(done=2, total=4, rate=30.0, hours=1.0, elapsed=600)
    240.0
    """
    by_trials = [] if total is None or rate is None else [3600 * (total - done) / rate]
    by_hours = [] if hours is None else [3600 * hours - elapsed]
    left = min([*by_trials, *by_hours], default=0.0)
    return left if left > 0 else None


def pace_words(rate: float | None, left: float | None) -> list[str]:
    """Return rate and time left in words, as far as they are known.

    >>> pace_words(30.0, 240.0)
    ['30 trials/h', 'about 4 min 0 s left']
    """
    words = [] if rate is None else [f"{rate:.3g} trials/h"]
    return words if left is None else [*words, f"about {duration(left)} left"]

"""How fast a study goes and how long it still takes: for the live display and for `status`."""

from __future__ import annotations

from study.text import duration

_FITTED_AT_ONCE = ("band_svm",)  # takes seconds, and says nothing of how long a network takes


def is_network(family: object) -> bool:
    """Whether trials of a family of backbones count in the rate.

    >>> is_network("resnet"), is_network("band_svm")
    (True, False)
    """
    return family not in _FITTED_AT_ONCE


def trials_per_hour(ended: float, seconds: float) -> float | None:
    """Return the rate of a session; None before anything of it has ended.

    Args:
        ended: Networks that were trained in it, a part of one for those that run.
        seconds: What it has taken.

    >>> trials_per_hour(5, 600), trials_per_hour(0.5, 600), trials_per_hour(0, 600)
    (30.0, 3.0, None)
    """
    return 3600 * ended / seconds if ended > 0 and seconds > 0 else None


def seconds_left(
    *, done: float, total: int | None, rate: float | None, hours: float | None, elapsed: float
) -> float | None:
    """Return the time until the budget is used; None where that is not known, or it is used.

    Args:
        done: Trials that have ended, and the parts of those that run.
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
    >>> pace_words(1080.4, None), pace_words(0.1234, None)
    (['1,080 trials/h'], ['0.123 trials/h'])
    """
    words = [] if rate is None else [f"{_figure(rate)} trials/h"]
    return words if left is None else [*words, f"about {duration(left)} left"]


def _figure(rate: float) -> str:
    return f"{rate:,.0f}" if rate >= 100 else f"{rate:.3g}"

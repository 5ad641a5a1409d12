"""The same spec with several seeds: which to repeat, and what they reach on average.

A search takes the best of many noisy values; a spec that was lucky once is not the best one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from study.origins import REPEAT
from study.text import percent

__all__ = ["SeedsRow", "next_repeat", "seeds_lines", "seeds_table"]

CONFIDENCE = 0.95


@dataclass(frozen=True)
class SeedsRow:
    """One spec over its seeds; UAR in [0, 1].

    Args:
        trials: Numbers, the first one first.
        name: Of the system.
        uars: Best devel UAR of each.
        mean: Of them.
        sd: Their standard deviation; None of a single one.
        lower: Lower end of the one-sided 95 % interval of the mean (Student's t); None likewise.
    """

    trials: tuple[int, ...]
    name: str
    uars: tuple[float, ...]
    mean: float
    sd: float | None
    lower: float | None

    @classmethod
    def of(cls, trials: Sequence[int], name: str, uars: Sequence[float]) -> SeedsRow:
        """Summarise the UARs of one spec.

        >>> row = SeedsRow.of([3, 7, 8], "mel-mono test_resnet", [0.70, 0.72, 0.74])
        >>> round(row.mean, 3), round(row.sd, 3), round(row.lower, 3)
        (0.72, 0.02, 0.686)
        """
        n, mean = len(uars), float(np.mean(uars))
        if n < 2:
            return cls(tuple(trials), name, tuple(uars), mean, None, None)
        from scipy.stats import t

        sd = float(np.std(uars, ddof=1))
        lower = mean - float(t.ppf(CONFIDENCE, n - 1)) * sd / n**0.5
        return cls(tuple(trials), name, tuple(uars), mean, sd, lower)


def next_repeat(
    finished: Mapping[int, Mapping[str, Any]], origins: Mapping[int, str], *, top: int, n: int
) -> int | None:
    """Return the trial of the search to repeat next, or None where all is done.

    All of the best get their second seed before one gets its third.

    Args:
        finished: Results by trial.
        origins: Where every trial that was begun came from.
        top: How many specs are repeated.
        n: Trainings of each, the first one counted.
    """
    repeats = Counter(
        int(origin.removeprefix(REPEAT)) for origin in origins.values() if origin.startswith(REPEAT)
    )
    search = [
        result
        for number, result in finished.items()
        if result["state"] == "complete" and not origins[number].startswith(REPEAT)
    ]
    search.sort(key=lambda result: (-result["uar"], result["number"]))
    unique = {result["spec_digest"]: int(result["number"]) for result in reversed(search)}
    best = [r["number"] for r in search if unique[r["spec_digest"]] == r["number"]][:top]
    waiting = [number for number in best if repeats[number] < n - 1]
    return min(waiting, key=lambda number: (repeats[number], best.index(number)), default=None)


def seeds_table(trials: Sequence[Any], *, rank: str) -> list[SeedsRow]:
    """Return the specs that were trained with several seeds, best first.

    Args:
        trials: Those with a place on the leaderboard (`study.trial_record.TrialRecord`).
        rank: `mean`, or `lower` for the lower end of its interval.
    """
    groups: dict[str, list[Any]] = {}
    for trial in sorted(trials, key=lambda trial: trial.number):
        if trial.state == "complete":
            groups.setdefault(str(trial.spec_digest), []).append(trial)
    rows = [
        SeedsRow.of([t.number for t in group], group[0].name, [t.uar for t in group])
        for group in groups.values()
        if len(group) > 1
    ]
    return sorted(rows, key=lambda row: -(row.mean if rank == "mean" else row.lower or 0.0))


def seeds_lines(rows: Sequence[SeedsRow], *, rank: str) -> list[str]:
    """Return the table for a terminal, empty where nothing was repeated."""
    if not rows:
        return []
    by = "mean" if rank == "mean" else "lower end of the 95 % interval of the mean"
    lines = [f"over seeds, by {by} (best devel UAR of each training)"]
    for row in rows:
        spread = "" if row.sd is None else f", SD {100 * row.sd:.1f}, at least {percent(row.lower)}"
        numbers = ", ".join(f"{n:03d}" for n in row.trials)
        lines.append(
            f"  {percent(row.mean)}  {row.name} ({len(row.uars)} seeds{spread}): {numbers}"
        )
    return lines

"""The same spec with several seeds: what it reaches on average.

A search takes the best of many noisy values; a spec that was lucky once is not the best one. The
training that was chosen for its value therefore stands beside the mean of the others, not in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from study.results.trial_record import GRID, REPEAT
from study.text import percent

CONFIDENCE = 0.95


@dataclass(frozen=True)
class SeedsRow:
    """One spec over its repetitions; UAR in [0, 1].

    Args:
        trials: Numbers of the repetitions; of a grid, where no value chose a spec, all trainings.
        name: Of the system.
        uars: Best devel UAR of each.
        mean: Of them.
        sd: Their standard deviation; None of a single one.
        lower: Lower end of the one-sided 95 % interval of the mean (Student's t); None likewise.
        chosen: Number and UAR of the training that the spec was chosen by; None in a grid.
    """

    trials: tuple[int, ...]
    name: str
    uars: tuple[float, ...]
    mean: float
    sd: float | None
    lower: float | None
    chosen: tuple[int, float] | None = None

    @property
    def at_least(self) -> float | None:
        """`lower`; None where all are equal, and do not tell how far apart others would be."""
        return self.lower if self.sd is not None and self.sd > 1e-9 else None

    @classmethod
    def of(
        cls,
        trials: Sequence[int],
        name: str,
        uars: Sequence[float],
        *,
        chosen: tuple[int, float] | None = None,
    ) -> SeedsRow:
        """Summarise the UARs of one spec.

        >>> row = SeedsRow.of([3, 7, 8], "mel-mono test_resnet", [0.70, 0.72, 0.74])
        >>> round(row.mean, 3), round(row.sd, 3), round(row.lower, 3)
        (0.72, 0.02, 0.686)
        """
        n, mean, sd, lower = len(uars), float(np.mean(uars)), None, None
        if n > 1:
            from scipy.stats import t

            sd = float(np.std(uars, ddof=1))
            lower = mean - float(t.ppf(CONFIDENCE, n - 1)) * sd / n**0.5
        return cls(tuple(trials), name, tuple(uars), mean, sd, lower, chosen)


def seeds_table(trials: Sequence[Any], *, rank: str) -> list[SeedsRow]:
    """Return the specs that were trained again on purpose, best first.

    Args:
        trials: Those with a place on the leaderboard (`study.results.trial_record.TrialRecord`).
        rank: `mean`, or `lower` for the lower end of its interval; specs without one come last.
    """
    groups: dict[str, list[Any]] = {}
    for trial in sorted(trials, key=lambda trial: trial.number):
        if trial.state == "complete":
            groups.setdefault(str(trial.spec_digest), []).append(trial)
    rows = [row for group in groups.values() if (row := _row(group)) is not None]
    if rank == "mean":
        return sorted(rows, key=lambda row: -row.mean)
    return sorted(rows, key=lambda row: (row.lower is None, -(row.lower or 0.0), -row.mean))


def _row(group: Sequence[Any]) -> SeedsRow | None:
    """Return the row of one spec's trainings; None where nothing was repeated on purpose."""
    repeats = [trial for trial in group if trial.origin.startswith(REPEAT)]
    averaged = repeats or [trial for trial in group if trial.origin.startswith(GRID)]
    if not averaged or (not repeats and len(averaged) < 2):
        return None
    by = {int(trial.origin.removeprefix(REPEAT)) for trial in repeats}
    chosen = next(((trial.number, trial.uar) for trial in group if trial.number in by), None)
    numbers, uars = [t.number for t in averaged], [t.uar for t in averaged]
    return SeedsRow.of(numbers, group[0].name, uars, chosen=chosen)


def seeds_lines(rows: Sequence[SeedsRow], *, rank: str) -> list[str]:
    """Return the table for a terminal, empty where nothing was repeated."""
    if not rows:
        return []
    by = "mean" if rank == "mean" else "lower end of the 95 % interval of the mean"
    return [
        f"over seeds, by {by} (best devel UAR of each training)",
        *map(_line, rows),
    ]


def _line(row: SeedsRow) -> str:
    """Return mean and name, of how many, how far apart, what was chosen, and the trials."""
    what = "seeds" if row.chosen is None else "repetition" if len(row.uars) == 1 else "repetitions"
    parts = [f"{len(row.uars)} {what}"]
    if row.sd is not None:
        parts.append(f"SD {100 * row.sd:.1f}")
    if row.at_least is not None:
        parts.append(f"at least {percent(row.at_least)}")
    if row.chosen is not None:
        parts.append(f"chosen for {percent(row.chosen[1])} of {row.chosen[0]:03d}")
    numbers = ", ".join(f"{n:03d}" for n in row.trials)
    return f"  {percent(row.mean)}  {row.name} ({', '.join(parts)}): {numbers}"

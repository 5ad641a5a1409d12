"""Metrics as points, and which of them the running trials have logged already."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from study.tracking.values import split_metrics

__all__ = ["Logged", "Point", "now_ms", "points_at"]


@dataclass(frozen=True, slots=True)
class Point:
    """One value of one metric; `time_ms` in Unix milliseconds."""

    key: str
    value: float
    step: int
    time_ms: int


@dataclass
class _Trial:
    values: dict[tuple[str, int], float] = field(default_factory=dict)  # (metric, step) -> value
    last_epoch: int = 0


class Logged:
    """What the running trials have logged: an epoch repeated after a resume is no second point."""

    def __init__(self) -> None:
        self._trials: dict[int, _Trial] = {}

    def add(
        self, number: int, epoch: int, metrics: Mapping[str, float]
    ) -> tuple[list[Point], dict[str, str]]:
        """The points of an epoch that are new, and tags for values that are not finite."""
        finite, notes = split_metrics(metrics, f"epoch {epoch}")
        trial = self._trials.setdefault(number, _Trial())
        trial.last_epoch = max(epoch, trial.last_epoch)
        new = {k: v for k, v in finite.items() if trial.values.get((k, epoch)) != v}
        trial.values.update({(key, epoch): value for key, value in new.items()})
        return points_at(epoch, new), notes

    def forget(self, number: int) -> int:
        """Let go of a trial that has ended; returns its last epoch, 0 when there was none."""
        return self._trials.pop(number, _Trial()).last_epoch


def points_at(step: int, metrics: Mapping[str, float], time_ms: int | None = None) -> list[Point]:
    """Finite metrics as points of one step, by default of now."""
    when = now_ms() if time_ms is None else time_ms
    return [Point(key, value, step, when) for key, value in metrics.items()]


def now_ms() -> int:
    """The time in Unix milliseconds, as MLflow counts it."""
    return int(time.time() * 1000)

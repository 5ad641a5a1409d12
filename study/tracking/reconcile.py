"""Making the store equal to the trial folders: after a kill, or after the database was lost."""

from __future__ import annotations

import logging
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from study.tracking.run_client import RunClient
from study.tracking.runs import STATUS, end_trial, logged_tag
from study.tracking.values import (
    LazyArtifacts,
    Point,
    clean_tags,
    flatten_params,
    now_ms,
    points_at,
    split_metrics,
)

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrackedTrial:
    """What the store should hold about one trial, as read from its folder.

    A trial that is still to go on has the state `running`; its run is closed as interrupted, and
    `Tracker.start_trial` opens it again.
    """

    number: int
    name: str  # "linear-3win resnet18"
    state: str  # running, complete, pruned or failed
    params: Mapping[str, object] = field(default_factory=dict)
    epochs: Mapping[int, Mapping[str, float]] = field(default_factory=dict)  # epoch -> metrics
    metrics: Mapping[str, float] = field(default_factory=dict)  # final ones
    tags: Mapping[str, str] = field(default_factory=dict)
    artifacts: LazyArtifacts = field(default_factory=dict)
    started: float | None = None  # Unix seconds
    ended: float | None = None  # Unix seconds
    epoch_times: Mapping[int, float] = field(default_factory=dict)  # epoch -> Unix seconds

    @property
    def last_epoch(self) -> int:
        """The last epoch with metrics; 0 before the first."""
        return max(self.epochs, default=0)

    @property
    def end_state(self) -> str:
        """The state its run shall have after the reconciliation."""
        return "interrupted" if self.state == "running" else self.state


def run_name(number: int, name: str) -> str:
    """What a trial's run is called.

    >>> run_name(17, "linear-3win resnet18")
    '017 linear-3win resnet18'
    """
    return f"{number:03d} {name}".strip()


class Reconciliation:
    """One pass over the store; each step may be repeated, and a second pass changes nothing."""

    def __init__(self) -> None:
        self._runs: dict[int, Any] | None = None  # by trial, as they were before

    def survey(self, client: RunClient) -> None:
        """Read all child runs; of several for one trial the oldest stays."""
        runs: dict[int, Any] = {}
        for run in client.children():
            number = int(run.data.tags["spectune.trial"])
            if number in runs:
                _log.warning("trial %d has two runs in the tracking store, one is deleted", number)
                client.mlflow.delete_run(run.info.run_id)
            else:
                runs[number] = run
        client.runs = {number: run.info.run_id for number, run in runs.items()}
        self._runs = runs

    def complete(self, client: RunClient, again: bool, *, trial: TrackedTrial) -> None:
        """Make one trial's run hold what its folder says."""
        if self._runs is None:
            raise RuntimeError("the tracking store could not be read")
        run = self._runs.get(trial.number)
        if run is not None and _is_complete(run, trial):
            return
        started_ms = _milliseconds(trial.started)
        tags = clean_tags({**trial.tags, "mlflow.runName": run_name(trial.number, trial.name)})
        run_id = client.trial_run(trial.number, again, tags, started_ms)
        if run is None or again:
            run = client.mlflow.get_run(run_id)
        client.log_params(run_id, flatten_params(trial.params), run.data.params)
        points, notes = _points(trial)
        end_trial(
            client,
            run_id,
            trial.end_state,
            _missing(client, run, points),
            {**tags, **clean_tags(notes)},
            trial.artifacts,
            epochs=trial.last_epoch,
            whole=True,
            time_ms=_milliseconds(trial.ended),
        )

    def close_others(self, client: RunClient, known: Collection[int]) -> None:
        """End runs that a killed process left RUNNING and whose trial has no folder."""
        for number, run in (self._runs or {}).items():
            if number not in known and run.info.status not in STATUS.values():
                client.log(run.info.run_id, tags={"spectune.state": "interrupted"})
                client.terminate(run.info.run_id, "KILLED", _milliseconds(None))
        client.close_left("fusion", "export")


def _is_complete(run: Any, trial: TrackedTrial) -> bool:
    tags = {"spectune.state": trial.end_state, **logged_tag(trial.end_state, trial.last_epoch)}
    is_over = run.info.status == STATUS[trial.end_state]
    return is_over and all(run.data.tags.get(key) == value for key, value in tags.items())


def _points(trial: TrackedTrial) -> tuple[list[Point], dict[str, str]]:
    """Every metric of a trial, and tags for those that are not finite."""
    points: list[Point] = []
    notes: dict[str, str] = {}
    for epoch, metrics in sorted(trial.epochs.items()):
        finite, odd = split_metrics(metrics, f"epoch {epoch}")
        time_ms = _milliseconds(trial.epoch_times.get(epoch, trial.ended))
        points += points_at(epoch, finite, time_ms)
        notes |= odd
    finite, odd = split_metrics(trial.metrics)
    ended_ms = _milliseconds(trial.ended)
    points += points_at(trial.last_epoch, finite, ended_ms)
    return points, notes | odd


def _missing(client: RunClient, run: Any, points: list[Point]) -> list[Point]:
    """Those points whose value the run does not have at their step."""
    present: dict[tuple[str, int], list[float]] = {}
    for key in {point.key for point in points} & set(run.data.metrics):
        for metric in client.mlflow.get_metric_history(run.info.run_id, key):
            present.setdefault((key, metric.step), []).append(metric.value)
    return [
        point
        for point in points
        if not any(
            math.isclose(point.value, value, rel_tol=1e-9, abs_tol=1e-12)
            for value in present.get((point.key, point.step), [])
        )
    ]


def _milliseconds(seconds: float | None) -> int:
    return now_ms() if seconds is None else int(seconds * 1000)

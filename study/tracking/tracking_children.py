"""Child runs that are neither trials nor fusions: refits, scores."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from study.tracking.run_client import Session
from study.tracking.tracking_points import Point, points_at
from study.tracking.values import Artifacts, clean_tags, flatten_params, split_metrics

__all__ = ["ChildRun", "write_child"]


@dataclass(frozen=True)
class ChildRun:
    """A run that is written as a whole once what it tells has ended.

    Args:
        kind: The tag `spectune.kind`: `refit`, `score`.
        key: Which of its kind it is; the run of this key is found again.
        name: What it is called.
        params: Nested parameters.
        metrics: Final metrics.
        epochs: Metrics by epoch.
        tags: What runs can be filtered by.
        artifacts: Files and data.
        started: Unix seconds.
        ended: Unix seconds.
    """

    kind: str
    key: str
    name: str
    params: Mapping[str, object] = field(default_factory=dict)
    metrics: Mapping[str, float | None] = field(default_factory=dict)
    epochs: Mapping[int, Mapping[str, float]] = field(default_factory=dict)
    tags: Mapping[str, object] = field(default_factory=dict)
    artifacts: Artifacts = field(default_factory=dict)
    started: float | None = None
    ended: float | None = None

    @property
    def digest(self) -> str:
        """What makes two runs the same; artifacts follow from it."""
        parts = [self.name, self.params, self.metrics, self.epochs, self.tags]
        text = json.dumps(parts, sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def write_child(session: Session, run: ChildRun, time_ms: int) -> None:
    """Write a run, into the one that its key has; one that is there already is left alone."""
    known = next(
        (r for r in session.children(run.kind) if r.data.tags.get("spectune.key") == run.key), None
    )
    if known is not None and known.data.tags.get("spectune.digest") == run.digest:
        return
    started_ms = time_ms if run.started is None else int(1000 * run.started)
    ended_ms = time_ms if run.ended is None else int(1000 * run.ended)
    own = {"mlflow.runName": run.name, "spectune.key": run.key}
    run_id = known.info.run_id if known else session.new_child(run.kind, own, started_ms)
    session.log_params(run_id, flatten_params(run.params), known.data.params if known else {})
    points: list[Point] = []
    for epoch, metrics in sorted(run.epochs.items()):
        points += points_at(epoch, split_metrics(metrics)[0], ended_ms)
    finite, notes = split_metrics(run.metrics)
    points += points_at(max(run.epochs, default=0), finite, ended_ms)
    whole = session.log_artifacts(run_id, run.artifacts)
    done = {"spectune.digest": run.digest if whole else "incomplete"}  # last: a kill repeats it
    session.log(run_id, points, clean_tags({**own, **run.tags, **notes, **done}))
    session.terminate(run_id, "FINISHED", ended_ms)

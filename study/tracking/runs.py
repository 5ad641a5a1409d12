"""What the runs of a study hold, in an open store: of a trial, a fusion, a refit, a scoring.

A pruned trial is FINISHED with the tag `spectune.state` = `pruned`: it ended as planned, its
metrics are valid, and fusions may choose it, so it belongs among the runs that people compare.
KILLED says that a run was interrupted and may go on.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from study.tracking.run_client import RunClient
from study.tracking.values import (
    Artifacts,
    LazyArtifacts,
    Point,
    clean_tags,
    cut,
    escape_markdown,
    flatten_params,
    points_at,
    split_metrics,
)

STATUS = {"complete": "FINISHED", "pruned": "FINISHED", "failed": "FAILED", "interrupted": "KILLED"}
NOTE = "mlflow.note.content"
NOTE_LENGTH = 4_900
_MEMBER_TAG = "spectune.fusion_member"


@dataclass(frozen=True)
class FusionRun:
    """One selected fusion set.

    Rows of `trajectory` are `{n, trial, name, uar}`, those of `members` `{trial, name, weight}`; a
    system that was imported has no `trial`.
    """

    name: str
    params: Mapping[str, object]
    metrics: Mapping[str, float]
    trajectory: Sequence[Mapping[str, Any]]
    artifacts: Artifacts
    members: Sequence[Mapping[str, Any]]
    started: float | None = None  # Unix seconds

    @property
    def trials(self) -> list[int]:
        """Those members that are trials."""
        return [int(row["trial"]) for row in self.members if row.get("trial") is not None]

    @property
    def digest(self) -> str:
        """What makes two fusions the same; artifacts follow from it."""
        return _digest_of(self.name, self.params, self.metrics, self.trajectory, self.members)


def _digest_of(*parts: object) -> str:
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def logged_tag(state: str, epochs: int) -> dict[str, str]:
    """The tag of a trial that is whole in the store, so that nothing of it is read again."""
    return {"spectune.logged": f"{state}, {epochs} epochs"}


def start_trial(
    client: RunClient,
    number: int,
    params: Mapping[str, str],
    tags: Mapping[str, str],
    *,
    again: bool,
    time_ms: int,
) -> None:
    """Make a trial's run, or set the one it has to RUNNING."""
    existed = again or number in client.runs
    run_id = client.trial_run(number, again, tags, time_ms)
    known: Mapping[str, str] = {}
    if existed:
        known = client.mlflow.get_run(run_id).data.params
        client.mlflow.update_run(run_id, status="RUNNING", name=tags["mlflow.runName"])
        client.log(run_id, tags=tags)
    client.log_params(run_id, params, known)


def end_trial(
    client: RunClient,
    run_id: str,
    state: str,
    points: Sequence[Point],
    tags: Mapping[str, str],
    artifacts: LazyArtifacts,
    *,
    epochs: int,
    whole: bool,
    time_ms: int,
) -> None:
    """Write a trial's last values, then its status: whoever is killed before leaves it RUNNING.

    Args:
        client: The open store.
        run_id: The trial's run.
        state: `complete`, `pruned`, `failed` or `interrupted`.
        points: Final metrics.
        tags: Tags to set.
        artifacts: Files and data to upload; a function makes them only now.
        epochs: The last epoch whose metrics are in the store.
        whole: Whether nothing of the trial had to be dropped so far.
        time_ms: When it ended.
    """
    whole = client.log_artifacts(run_id, artifacts) and whole
    all_tags = {**tags, "spectune.state": state, **(logged_tag(state, epochs) if whole else {})}
    client.log(run_id, points, all_tags)
    client.terminate(run_id, STATUS[state], time_ms)


def write_description(client: RunClient, text: str, report: Path | None) -> None:
    """Describe the study on its parent run, with a link to its report as an artifact."""
    link = ""
    if report is not None and client.log_artifacts(client.run_id, {report.name: report}):
        where = f"{_run_link(client, client.run_id)}/artifacts/{report.name}"
        link = f"[Report]({where})\n\n"
    client.log(client.run_id, tags={NOTE: cut(f"{link}{text}", NOTE_LENGTH)})


def _run_link(client: RunClient, run_id: str) -> str:
    return f"#/experiments/{client.experiment_id}/runs/{run_id}"


def write_fusion(client: RunClient, fusion: FusionRun, time_ms: int) -> None:
    """Write a fusion as a child run; the same one again changes nothing.

    Parameters are write-once, so another selection is a new run, and the old one is renamed
    `fusion (superseded)` and tagged `spectune.superseded`.
    """
    runs = list(client.children("fusion"))
    same_name = [run for run in runs if run.data.tags.get("spectune.fusion") == fusion.name]
    run = next((run for run in same_name if _digest(run) == fusion.digest), None)
    if run is None or run.info.status != "FINISHED":
        _write_new_fusion(client, fusion, None if run is None else run.info.run_id, time_ms)
    for other in same_name:
        superseded = _digest(other) != fusion.digest
        expected = f"{fusion.name} (superseded)" if superseded else fusion.name
        if other.info.run_name != expected:
            tags = {"spectune.superseded": str(superseded).lower()}
            client.log(other.info.run_id, tags=tags)
            client.mlflow.update_run(other.info.run_id, name=expected)
    _tag_members(client)


def _write_new_fusion(
    client: RunClient, fusion: FusionRun, run_id: str | None, time_ms: int
) -> None:
    tags = {
        "mlflow.runName": fusion.name,
        "spectune.fusion": fusion.name,
        "spectune.fusion_digest": fusion.digest,
        "spectune.members": ",".join(map(str, fusion.trials)),
    }
    if run_id is None:
        started_ms = time_ms if fusion.started is None else int(1000 * fusion.started)
        run_id = client.new_child("fusion", tags, started_ms)
    params = client.mlflow.get_run(run_id).data.params
    client.log_params(run_id, flatten_params(fusion.params), params)
    finite, notes = split_metrics(fusion.metrics)
    points = points_at(0, finite, time_ms) + _trajectory_points(fusion.trajectory, time_ms)
    artifacts = {"trajectory.json": list(fusion.trajectory), **fusion.artifacts}
    whole = client.log_artifacts(run_id, artifacts)
    state = {"spectune.state": "complete" if whole else "incomplete"}
    client.log(run_id, points, clean_tags({**notes, NOTE: _member_links(client, fusion), **state}))
    client.terminate(run_id, "FINISHED", time_ms)


def _digest(run: Any) -> str | None:
    return run.data.tags.get("spectune.fusion_digest")  # type: ignore[no-any-return]


def _trajectory_points(trajectory: Sequence[Mapping[str, Any]], time_ms: int) -> list[Point]:
    """The path of a fusion as metrics by the number of members: `fusion/uar` at step n."""
    points: list[Point] = []
    for position, row in enumerate(trajectory, start=1):
        numbers = {
            f"fusion/{key}": float(value)
            for key, value in row.items()
            if key not in ("n", "trial") and isinstance(value, int | float)
        }
        step = int(row.get("n", position))
        points += points_at(step, split_metrics(numbers)[0], time_ms)
    return points


def _member_links(client: RunClient, fusion: FusionRun) -> str:
    """The members as a Markdown list, trials with links to their runs."""
    lines = [f"Fusion of {len(fusion.members)} members", ""]
    for row in fusion.members:
        trial = row.get("trial")
        number = "imported" if trial is None else f"{trial:03d}"
        text = escape_markdown(f"{number} {row.get('name', '')}".strip())
        run_id = None if trial is None else client.runs.get(trial)
        link = f"[{text}]({_run_link(client, run_id)})" if run_id else text
        weight = f", weight {row['weight']:.3g}" if "weight" in row else ""
        lines.append(f"- {link}{weight}")
    return cut("\n".join(lines), NOTE_LENGTH)


def _tag_members(client: RunClient) -> None:
    """Let each trial's tag name the fusions it is in now, and no former ones."""
    fusions_of: dict[int, list[str]] = {}
    for run in client.children("fusion"):
        if run.data.tags.get("spectune.superseded") != "true":
            for number in filter(None, run.data.tags.get("spectune.members", "").split(",")):
                fusions_of.setdefault(int(number), []).append(run.data.tags["spectune.fusion"])
    for run in client.children():
        names = fusions_of.get(int(run.data.tags["spectune.trial"]), [])
        expected = cut(", ".join(sorted(set(names))), NOTE_LENGTH)
        if expected and run.data.tags.get(_MEMBER_TAG) != expected:
            client.log(run.info.run_id, tags={_MEMBER_TAG: expected})
        elif not expected and _MEMBER_TAG in run.data.tags:
            client.mlflow.delete_tag(run.info.run_id, _MEMBER_TAG)


@dataclass(frozen=True)
class ChildRun:
    """A run that is written as a whole once what it is about has ended.

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
        return _digest_of(self.name, self.params, self.metrics, self.epochs, self.tags)


def write_child(client: RunClient, run: ChildRun, time_ms: int) -> None:
    """Write a run, into the one that its key has; one that is there already is left alone."""
    known = next(
        (r for r in client.children(run.kind) if r.data.tags.get("spectune.key") == run.key), None
    )
    if known is not None and known.data.tags.get("spectune.digest") == run.digest:
        return
    started_ms = time_ms if run.started is None else int(1000 * run.started)
    ended_ms = time_ms if run.ended is None else int(1000 * run.ended)
    own = {"mlflow.runName": run.name, "spectune.key": run.key}
    run_id = known.info.run_id if known else client.new_child(run.kind, own, started_ms)
    client.log_params(run_id, flatten_params(run.params), known.data.params if known else {})
    points: list[Point] = []
    for epoch, metrics in sorted(run.epochs.items()):
        points += points_at(epoch, split_metrics(metrics)[0], ended_ms)
    finite, notes = split_metrics(run.metrics)
    points += points_at(max(run.epochs, default=0), finite, ended_ms)
    whole = client.log_artifacts(run_id, run.artifacts)
    done = {"spectune.digest": run.digest if whole else "incomplete"}  # last: a kill repeats it
    client.log(run_id, points, clean_tags({**own, **run.tags, **notes, **done}))
    client.terminate(run_id, "FINISHED", ended_ms)

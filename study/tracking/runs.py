"""What the runs of a trial and of a fusion hold, in an open store.

A pruned trial is FINISHED with the tag `spectune.state` = `pruned`: it ended as planned, its
metrics are valid, and fusions may choose it, so it belongs among the runs that people compare.
KILLED says that a run was interrupted and may go on.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from study.tracking.run_client import Session
from study.tracking.tracking_points import Point, points_at
from study.tracking.values import (
    Artifacts,
    LazyArtifacts,
    clean_tags,
    cut,
    escape_markdown,
    flatten_params,
    split_metrics,
)

__all__ = [
    "STATUS",
    "Fusion",
    "end_trial",
    "logged_tag",
    "start_trial",
    "write_description",
    "write_fusion",
]

STATUS = {
    "complete": "FINISHED",
    "pruned": "FINISHED",
    "failed": "FAILED",
    "interrupted": "KILLED",
}
NOTE = "mlflow.note.content"
NOTE_LENGTH = 4_900
_MEMBER_TAG = "spectune.fusion_member"


@dataclass(frozen=True)
class Fusion:
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
        parts = [self.name, self.params, self.metrics, self.trajectory, self.members]
        text = json.dumps(parts, sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def logged_tag(state: str, epochs: int) -> dict[str, str]:
    """The tag of a trial that is whole in the store, so that nothing of it is read again."""
    return {"spectune.logged": f"{state}, {epochs} epochs"}


def start_trial(
    session: Session,
    number: int,
    params: Mapping[str, str],
    tags: Mapping[str, str],
    *,
    again: bool,
    time_ms: int,
) -> None:
    """Make a trial's run, or set the one it has to RUNNING."""
    existed = again or number in session.runs
    run_id = session.trial_run(number, again, tags, time_ms)
    known: Mapping[str, str] = {}
    if existed:
        known = session.client.get_run(run_id).data.params
        session.client.update_run(run_id, status="RUNNING", name=tags["mlflow.runName"])
        session.log(run_id, tags=tags)
    session.log_params(run_id, params, known)


def end_trial(
    session: Session,
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
        session: The open store.
        run_id: The trial's run.
        state: `complete`, `pruned`, `failed` or `interrupted`.
        points: Final metrics.
        tags: Tags to set.
        artifacts: Files and data to upload; a function makes them only now.
        epochs: The last epoch whose metrics are in the store.
        whole: Whether nothing of the trial had to be dropped so far.
        time_ms: When it ended.
    """
    whole = session.log_artifacts(run_id, artifacts) and whole
    all_tags = {**tags, "spectune.state": state, **(logged_tag(state, epochs) if whole else {})}
    session.log(run_id, points, all_tags)
    session.terminate(run_id, STATUS[state], time_ms)


def write_description(session: Session, text: str, report: Path | None) -> None:
    """Describe the study on its parent run, with a link to its report as an artifact."""
    link = ""
    if report is not None and session.log_artifacts(session.run_id, {report.name: report}):
        where = f"{_run_link(session, session.run_id)}/artifacts/{report.name}"
        link = f"[Report]({where})\n\n"
    session.log(session.run_id, tags={NOTE: cut(f"{link}{text}", NOTE_LENGTH)})


def _run_link(session: Session, run_id: str) -> str:
    return f"#/experiments/{session.experiment_id}/runs/{run_id}"


def write_fusion(session: Session, fusion: Fusion, time_ms: int) -> None:
    """Write a fusion as a child run; the same one again changes nothing.

    Parameters are write-once, so another selection is a new run, and the old one is renamed
    `fusion (superseded)` and tagged `spectune.superseded`.
    """
    same_name = [
        run
        for run in session.children("fusion")
        if run.data.tags.get("spectune.fusion") == fusion.name
    ]
    run = next((r for r in same_name if _digest(r) == fusion.digest), None)
    if run is None or run.info.status != "FINISHED":
        _write_new_fusion(session, fusion, None if run is None else run.info.run_id, time_ms)
    for other in same_name:
        superseded = _digest(other) != fusion.digest
        wanted = f"{fusion.name} (superseded)" if superseded else fusion.name
        if other.info.run_name != wanted:
            tags = {"spectune.superseded": str(superseded).lower()}
            session.log(other.info.run_id, tags=tags)
            session.client.update_run(other.info.run_id, name=wanted)
    _tag_members(session)


def _write_new_fusion(session: Session, fusion: Fusion, run_id: str | None, time_ms: int) -> None:
    tags = {
        "mlflow.runName": fusion.name,
        "spectune.fusion": fusion.name,
        "spectune.fusion_digest": fusion.digest,
        "spectune.members": ",".join(map(str, fusion.trials)),
    }
    if run_id is None:
        started_ms = time_ms if fusion.started is None else int(1000 * fusion.started)
        run_id = session.new_child("fusion", tags, started_ms)
    params = session.client.get_run(run_id).data.params
    session.log_params(run_id, flatten_params(fusion.params), params)
    finite, notes = split_metrics(fusion.metrics)
    points = points_at(0, finite, time_ms)
    points += _trajectory_points(fusion.trajectory, time_ms)
    artifacts = {"trajectory.json": list(fusion.trajectory), **fusion.artifacts}
    note = {NOTE: _member_links(session, fusion)}
    whole = session.log_artifacts(run_id, artifacts)
    state = {"spectune.state": "complete" if whole else "incomplete"}
    session.log(run_id, points, clean_tags({**notes, **note, **state}))
    session.terminate(run_id, "FINISHED", time_ms)


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


def _member_links(session: Session, fusion: Fusion) -> str:
    """The members as a Markdown list, trials with links to their runs."""
    lines = [f"Fusion of {len(fusion.members)} members", ""]
    for row in fusion.members:
        trial = row.get("trial")
        number = "imported" if trial is None else f"{trial:03d}"
        text = escape_markdown(f"{number} {row.get('name', '')}".strip())
        run_id = None if trial is None else session.runs.get(trial)
        link = f"[{text}]({_run_link(session, run_id)})" if run_id else text
        weight = f", weight {row['weight']:.3g}" if "weight" in row else ""
        lines.append(f"- {link}{weight}")
    return cut("\n".join(lines), NOTE_LENGTH)


def _tag_members(session: Session) -> None:
    """Let each trial's tag name the fusions it is in now, and no former ones."""
    fusions_of: dict[int, list[str]] = {}
    for run in session.children("fusion"):
        if run.data.tags.get("spectune.superseded") != "true":
            for number in filter(None, run.data.tags.get("spectune.members", "").split(",")):
                fusions_of.setdefault(int(number), []).append(run.data.tags["spectune.fusion"])
    for run in session.children():
        names = fusions_of.get(int(run.data.tags["spectune.trial"]), [])
        wanted = cut(", ".join(sorted(set(names))), NOTE_LENGTH)
        if wanted and run.data.tags.get(_MEMBER_TAG) != wanted:
            session.log(run.info.run_id, tags={_MEMBER_TAG: wanted})
        elif not wanted and _MEMBER_TAG in run.data.tags:
            session.client.delete_tag(run.info.run_id, _MEMBER_TAG)

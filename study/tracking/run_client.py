"""The open store: which run belongs to which trial, and how each kind of thing is written.

Used by the writer thread alone. Every method may be repeated after a failure half-way: what is
there already is found and not made again.
"""

from __future__ import annotations

import json
import logging
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from search_spaces.grammar.errors import InputError
from study.text import without_passwords
from study.tracking.store import TrackingStore, find_or_create_experiment, open_client
from study.tracking.tracking_errors import is_transient
from study.tracking.tracking_points import Point
from study.tracking.values import LazyArtifacts, clean_tags, cut, flatten_params, stage_artifacts

__all__ = ["Plan", "Session"]

PAGE = 1000  # rows of search_runs, which returns no more without asking for the next page
_PARAMS_PER_CALL = 100  # MLflow's limits on one log_batch
_POINTS_PER_CALL = 1000
_DIGEST_LENGTH = 36
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Plan:
    """What a study's parent run is made of."""

    experiment: str
    study_id: str
    run_name: str
    run_id: str | None
    params: Mapping[str, object]
    tags: Mapping[str, object]
    dataset: Mapping[str, Any] | None
    adding: bool = False  # to a run that has ended, and keeps its status and its end


@dataclass
class Session:
    """An open store with the parent run of one study.

    Attributes:
        client: An `MlflowClient`; only explicit run ids, no global state.
        runs: Trial number -> run id, of the child runs known so far; loaded when first needed.
        adding: Whether the parent run is only added to: its status and its end stay.
    """

    client: Any
    store: TrackingStore
    experiment_id: str
    run_id: str
    study_id: str
    runs: dict[int, str] = field(default_factory=dict)
    adding: bool = False

    @classmethod
    def open(cls, store: TrackingStore, plan: Plan) -> Session:
        """Initialise the store, then create or continue the study's parent run."""
        client = open_client(store)
        experiment_id = find_or_create_experiment(client, store, plan.experiment)
        parent = _find_parent(client, experiment_id, plan)
        if parent is None:
            tags = {"spectune.kind": "study", "spectune.study_id": plan.study_id}
            parent = client.create_run(
                experiment_id, tags=clean_tags({**tags, **plan.tags}), run_name=plan.run_name
            )
        # A run noted by the study stays where it is, also when its experiment was renamed.
        session = cls(client, store, parent.info.experiment_id, parent.info.run_id, plan.study_id)
        session.adding = plan.adding and parent.info.status != "RUNNING"
        if not session.adding:
            client.update_run(session.run_id, status="RUNNING", name=plan.run_name)
        session.log(session.run_id, tags=clean_tags(plan.tags))
        session.log_params(session.run_id, flatten_params(plan.params), parent.data.params)
        session._log_dataset(parent, plan.dataset)
        session.runs.update(
            (int(run.data.tags["spectune.trial"]), run.info.run_id)
            for run in reversed(list(session.children()))
        )
        return session

    def children(self, kind: str = "trial") -> Iterator[Any]:
        """The child runs of a kind, the oldest first, page by page."""
        yield from search(
            self.client,
            self.experiment_id,
            f"tags.`mlflow.parentRunId` = '{self.run_id}' and tags.`spectune.kind` = '{kind}'",
        )

    def trial_run(self, number: int, again: bool, tags: Mapping[str, str], time_ms: int) -> str:
        """The run of a trial, made if there is none.

        Args:
            number: The trial's number.
            again: Whether an earlier try may have made the run without learning its id.
            tags: Tags of a new run.
            time_ms: When a new run started.
        """
        if again and number not in self.runs:
            for run in self.children():
                self.runs.setdefault(int(run.data.tags["spectune.trial"]), run.info.run_id)
        if number not in self.runs:
            own = {"spectune.trial": str(number), "mlflow.runName": f"{number:03d}", **tags}
            self.runs[number] = self.new_child("trial", own, time_ms)
        return self.runs[number]

    def new_child(self, kind: str, tags: Mapping[str, str], time_ms: int | None = None) -> str:
        """A new child run; its name is the tag `mlflow.runName`."""
        own = {
            "mlflow.parentRunId": self.run_id,
            "spectune.kind": kind,
            "spectune.study_id": self.study_id,
        }
        run = self.client.create_run(
            self.experiment_id,
            start_time=time_ms,
            tags=clean_tags({**tags, **own}),
            run_name=tags["mlflow.runName"],
        )
        return str(run.info.run_id)

    def log(
        self, run_id: str, points: Sequence[Point] = (), tags: Mapping[str, str] | None = None
    ) -> None:
        """Metrics and tags, in as few calls as MLflow's limits allow."""
        from mlflow.entities import Metric, RunTag

        metrics = [Metric(p.key, p.value, p.time_ms, p.step) for p in points]
        all_tags = [RunTag(key, value) for key, value in (tags or {}).items()]
        while metrics or all_tags:
            # At most 1,000 entities in one call, of which at most 100 tags.
            now, all_tags = all_tags[:_PARAMS_PER_CALL], all_tags[_PARAMS_PER_CALL:]
            room = _POINTS_PER_CALL - len(now)
            self.client.log_batch(run_id, metrics=metrics[:room], tags=now)
            metrics = metrics[room:]

    def log_params(self, run_id: str, params: Mapping[str, str], known: Mapping[str, str]) -> None:
        """Parameters not there yet; they are write-once, so one that differs becomes a tag."""
        from mlflow.entities import Param

        new = [Param(key, value) for key, value in params.items() if key not in known]
        for start in range(0, len(new), _PARAMS_PER_CALL):
            self.client.log_batch(run_id, params=new[start : start + _PARAMS_PER_CALL])
        changed = {
            f"spectune.changed.{key}": value
            for key, value in params.items()
            if key in known and known[key] != value
        }
        self.log(run_id, tags=clean_tags(changed))

    def log_artifacts(self, run_id: str, artifacts: LazyArtifacts) -> bool:
        """Upload artifacts in one call; False when some could not be, which a warning names."""
        if callable(artifacts):
            try:
                artifacts = artifacts()
            except InputError as error:
                _log.warning("not tracked, artifacts cannot be made: %s", cut(str(error), 300))
                return False
        if not artifacts:
            return True
        with tempfile.TemporaryDirectory(prefix="spectune-") as name:
            missing = stage_artifacts(artifacts, Path(name))
            if missing:
                _log.warning("not tracked, no such file: %s", cut(", ".join(missing), 300))
            try:
                self._upload(run_id, name)
            except Exception as error:
                if is_transient(error):
                    raise
                said = without_passwords(str(error))
                _log.warning("not tracked, artifacts refused: %s", cut(said, 300))
                return False
        return not missing

    def terminate(self, run_id: str, status: str, time_ms: int) -> None:
        """End a run: FINISHED, FAILED or KILLED."""
        self.client.set_terminated(run_id, status=status, end_time=time_ms)

    def probe(self, time_ms: int) -> None:
        """A small write; raises while the store takes none."""
        self.client.set_tag(self.run_id, "spectune.heartbeat", str(time_ms))

    def _upload(self, run_id: str, folder: str) -> None:
        uri = self.client.get_run(run_id).info.artifact_uri
        if uri.startswith("mlflow-artifacts:") and self.store.artifact_root is not None:
            # The experiment was made by a server, which looks for it in its own artifact folder.
            inside = uri.removeprefix("mlflow-artifacts:").lstrip("/")
            target = Path(self.store.artifact_root) / inside
            shutil.copytree(folder, target, dirs_exist_ok=True)
        else:
            self.client.log_artifacts(run_id, folder)

    def _log_dataset(self, parent: Any, dataset: Mapping[str, Any] | None) -> None:
        """The corpus as a dataset input; the full digest is a tag, MLflow keeps 36 characters."""
        if dataset is None:
            return
        from mlflow.entities import Dataset, DatasetInput, InputTag

        digest = str(dataset["digest"])
        self.log(self.run_id, tags={"spectune.corpus_digest": digest})
        known = [entry.dataset.digest for entry in getattr(parent.inputs, "dataset_inputs", [])]
        if digest[:_DIGEST_LENGTH] in known:
            return
        profile = dataset.get("profile")
        entity = Dataset(
            name=str(dataset.get("name", "corpus")),
            digest=digest[:_DIGEST_LENGTH],
            source_type="local",
            source=json.dumps({"uri": str(dataset.get("source", ""))}),
            profile=None if profile is None else json.dumps(profile, default=str),
        )
        context = InputTag("mlflow.data.context", "study")
        self.client.log_inputs(self.run_id, datasets=[DatasetInput(entity, [context])])


def search(client: Any, experiment_id: str, filter_string: str) -> Iterator[Any]:
    """All runs that match, the oldest first, page by page."""
    token = None
    while True:
        page = client.search_runs(
            [experiment_id],
            filter_string,
            max_results=PAGE,
            order_by=["attributes.start_time ASC"],
            page_token=token,
        )
        yield from page
        token = page.token
        if not token:
            return


def _find_parent(client: Any, experiment_id: str, plan: Plan) -> Any | None:
    """The study's run: the one noted, else one with its id (a kill may come before the note)."""
    from mlflow.exceptions import MlflowException

    if plan.run_id is not None:
        try:
            run = client.get_run(plan.run_id)
        except MlflowException as error:
            if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                raise
        else:
            if run.info.lifecycle_stage == "active":
                return run
    study_id = plan.study_id.replace("'", "")
    where = f"tags.`spectune.study_id` = '{study_id}' and tags.`spectune.kind` = 'study'"
    return next(search(client, experiment_id, where), None)

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
from urllib.parse import unquote, urlsplit

from search_spaces.grammar.errors import InputError
from study.text import without_passwords
from study.tracking.store import TrackingStore, find_or_create_experiment, is_transient, open_client
from study.tracking.values import (
    LazyArtifacts,
    Point,
    clean_tags,
    cut,
    flatten_params,
    now_ms,
    stage_artifacts,
)

PAGE = 1000  # rows of search_runs, which returns no more without asking for the next page
_PARAMS_PER_CALL = 100  # MLflow's limits on one log_batch
_POINTS_PER_CALL = 1000
_DIGEST_LENGTH = 36
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ParentRun:
    """What a study's parent run is made of.

    Args:
        experiment: The experiment's name; by default of the caller the study's.
        study_id: What identifies the study; its run is found by it when `run_id` is unknown.
        former_id: Of the study that this is a copy of, whose run came here with the whole store.
        run_name: What the run is called.
        run_id: The run as noted by an earlier session.
        params: Nested parameters of the study. One that changed since is kept as a tag.
        tags: For instance `mlflow.source.git.commit`.
        dataset: `{digest, name, source, profile}` of the corpus; only the digest is needed.
        adding: Whether a run that has ended only gets something added: it keeps its status and its
            end, so that its duration stays that of the study.
    """

    experiment: str
    study_id: str
    run_name: str
    run_id: str | None = None
    params: Mapping[str, object] = field(default_factory=dict)
    tags: Mapping[str, object] = field(default_factory=dict)
    dataset: Mapping[str, Any] | None = None
    adding: bool = False
    former_id: str | None = None


@dataclass
class RunClient:
    """An open store with the parent run of one study.

    Attributes:
        mlflow: An `MlflowClient`; only explicit run ids, no global state.
        runs: Trial number -> run id, of the child runs known so far; loaded when first needed.
        adding: Whether the parent run is only added to: its status and its end stay.
    """

    mlflow: Any
    store: TrackingStore
    experiment_id: str
    run_id: str
    study_id: str
    runs: dict[int, str] = field(default_factory=dict)
    adding: bool = False
    warned: bool = False  # of artifacts that are left out

    @classmethod
    def open(cls, store: TrackingStore, parent: ParentRun) -> RunClient:
        """Initialise the store, then create or continue the study's parent run."""
        mlflow = open_client(store)
        experiment_id = find_or_create_experiment(mlflow, store, parent.experiment)
        run = find_parent(mlflow, experiment_id, parent)
        if run is None:
            tags = {"spectune.kind": "study", "spectune.study_id": parent.study_id}
            run = mlflow.create_run(
                experiment_id, tags=clean_tags({**tags, **parent.tags}), run_name=parent.run_name
            )
        # A run noted by the study stays where it is, also when its experiment was renamed.
        client = cls(mlflow, store, run.info.experiment_id, run.info.run_id, parent.study_id)
        client.adding = parent.adding and run.info.status != "RUNNING"
        if not client.adding:
            mlflow.update_run(client.run_id, status="RUNNING", name=parent.run_name)
        own = {"spectune.study_id": parent.study_id}
        client.log(client.run_id, tags=clean_tags({**parent.tags, **own}))
        client.log_params(client.run_id, flatten_params(parent.params), run.data.params)
        client._log_dataset(run, parent.dataset)
        client.runs.update(
            (int(child.data.tags["spectune.trial"]), child.info.run_id)
            for child in reversed(list(client.children()))
        )
        return client

    def children(self, kind: str = "trial") -> Iterator[Any]:
        """The child runs of a kind, the oldest first, page by page."""
        yield from search(
            self.mlflow,
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
        run = self.mlflow.create_run(
            self.experiment_id,
            start_time=time_ms,
            tags=clean_tags({**tags, **own}),
            run_name=tags["mlflow.runName"],
        )
        return str(run.info.run_id)

    def close_left(self, *kinds: str) -> None:
        """End the child runs of some kinds that a killed process left RUNNING."""
        for kind in kinds:
            for run in self.children(kind):
                if run.info.status == "RUNNING":
                    self.terminate(run.info.run_id, "KILLED", now_ms())

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
            self.mlflow.log_batch(run_id, metrics=metrics[:room], tags=now)
            metrics = metrics[room:]

    def log_params(self, run_id: str, params: Mapping[str, str], known: Mapping[str, str]) -> None:
        """Parameters not there yet; they are write-once, so one that differs becomes a tag."""
        from mlflow.entities import Param

        new = [Param(key, value) for key, value in params.items() if key not in known]
        for start in range(0, len(new), _PARAMS_PER_CALL):
            self.mlflow.log_batch(run_id, params=new[start : start + _PARAMS_PER_CALL])
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
                reason = cut(without_passwords(str(error)), 300)
                _log.warning("not tracked, artifacts refused: %s", reason)
                return False
        return not missing

    def terminate(self, run_id: str, status: str, time_ms: int) -> None:
        """End a run: FINISHED, FAILED or KILLED."""
        self.mlflow.set_terminated(run_id, status=status, end_time=time_ms)

    def probe(self, time_ms: int) -> None:
        """A small write; raises while the store takes none."""
        self.mlflow.set_tag(self.run_id, "spectune.heartbeat", str(time_ms))

    def _upload(self, run_id: str, folder: str) -> None:
        """Put the files of a folder where the store says that a run's artifacts are.

        MLflow's client would write local ones where a store of this process, of which this is a
        copy, has the run.
        """
        uri = self.mlflow.get_run(run_id).info.artifact_uri
        target = _local_path(uri, self.store)
        own = [Path(str(path)) for path in (self.store.within, self.store.artifact_root)]
        if self.store.within is not None and not (
            target is not None and any(target.is_relative_to(path.resolve()) for path in own)
        ):
            if not self.warned:
                self.warned = True
                _log.warning(
                    "not tracked, artifacts: the store says that they go to %s, outside of %s; with"
                    " MLFLOW_TRACKING_URI=%s they do",
                    cut(without_passwords(uri), 300),
                    self.store.within,
                    self.store.label,
                )
        elif target is not None:
            shutil.copytree(folder, target, dirs_exist_ok=True)
        else:
            self.mlflow.log_artifacts(run_id, folder)

    def _log_dataset(self, run: Any, dataset: Mapping[str, Any] | None) -> None:
        """The corpus as a dataset input; the full digest is a tag, MLflow keeps 36 characters."""
        if dataset is None:
            return
        from mlflow.entities import Dataset, DatasetInput, InputTag

        digest = str(dataset["digest"])
        self.log(self.run_id, tags={"spectune.corpus_digest": digest})
        known = [entry.dataset.digest for entry in getattr(run.inputs, "dataset_inputs", [])]
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
        self.mlflow.log_inputs(self.run_id, datasets=[DatasetInput(entity, [context])])


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


def _local_path(uri: str, store: TrackingStore) -> Path | None:
    """The folder that an artifact URI means; None where it is none of this machine."""
    if uri.startswith("mlflow-artifacts:") and store.artifact_root is not None:
        # The experiment was made by a server, which looks for it in its own artifact folder.
        root = Path(store.artifact_root).resolve()
        path = (root / uri.removeprefix("mlflow-artifacts:").lstrip("/")).resolve()
        if not path.is_relative_to(root):
            raise ValueError(f"{uri} lies outside of {root}")
        return path
    if uri.startswith("file:"):
        return Path(unquote(urlsplit(uri).path)).resolve()
    return None if ":" in uri.partition("/")[0] else Path(uri).resolve()


def find_parent(client: Any, experiment_id: str, parent: ParentRun) -> Any | None:
    """The study's run: the one noted, else one with its id (a kill may come before the note)."""
    from mlflow.exceptions import MlflowException

    if parent.run_id is not None:
        try:
            run = client.get_run(parent.run_id)
        except MlflowException as error:
            if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                raise
        else:
            owner = run.data.tags.get("spectune.study_id", "")
            if (
                owner in (parent.study_id, parent.former_id)
                and run.info.lifecycle_stage == "active"
            ):
                return run
    study_id = parent.study_id.replace("'", "")
    where = f"tags.`spectune.study_id` = '{study_id}' and tags.`spectune.kind` = 'study'"
    return next(search(client, experiment_id, where), None)

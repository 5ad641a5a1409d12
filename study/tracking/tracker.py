"""Tracking a study in MLflow, without ever waiting for it.

Every call of `Tracker` puts one `Write` into a queue and returns; a single thread owns the client.
When the store is away the study goes on and the writes catch up. What is lost with a killed
process is put right from the trial folders by `Tracker.reconcile`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Literal

from study.tracking.reconcile import Reconciliation, TrackedTrial, run_name
from study.tracking.run_client import ParentRun, RunClient
from study.tracking.runs import (
    ChildRun,
    FusionRun,
    end_trial,
    start_trial,
    write_child,
    write_description,
    write_fusion,
)
from study.tracking.store import TrackingStore, resolve_tracking, store_at
from study.tracking.values import (
    LazyArtifacts,
    Logged,
    clean_tags,
    escape_markdown,
    flatten_params,
    now_ms,
    points_at,
    size_of,
    split_metrics,
)
from study.tracking.writer_thread import STUDY, NullThread, StoreThread

__all__ = [
    "ChildRun",
    "NullTracker",
    "TrackedTrial",
    "Tracker",
    "TrackingStore",
    "escape_markdown",
    "resolve_tracking",
    "store_at",
]

_ENDS = {"finished": "FINISHED", "killed": "KILLED", "failed": "FAILED"}


class Tracker:
    """The runs of one study: a parent run, a child run per trial and per fusion.

    Use `Tracker.open`. All methods return at once, and none raises for a fault of the store.
    """

    def __init__(self, thread: StoreThread) -> None:
        self._thread = thread
        self._live: set[int] = set()  # trials started and not finished
        self._logged = Logged()

    @classmethod
    def open(cls, store: TrackingStore, parent: ParentRun, *, wait_s: float = 30.0) -> Tracker:
        """Create or continue the study's parent run.

        Args:
            store: Where to write.
            parent: The run.
            wait_s: How long to wait until it exists. A store that is away is not waited for:
                `run_id` is then None until it is back.

        Raises:
            InputError: The store can never be used: wrong address, no permission, another version.
        """
        thread = StoreThread(store, parent)
        thread.start(wait_s)
        return cls(thread)

    @property
    def store(self) -> TrackingStore | None:
        """Where runs go; None where there are none."""
        return self._thread.store

    @property
    def run_id(self) -> str | None:
        """The parent run; None as long as the store was never reached."""
        return self._thread.client.run_id if self._thread.client else None

    @property
    def experiment_id(self) -> str | None:
        """The experiment of the runs; None as long as the store was never reached."""
        return self._thread.client.experiment_id if self._thread.client else None

    def start_trial(
        self, number: int, name: str, params: Mapping[str, object], tags: Mapping[str, str]
    ) -> None:
        """Open a trial's run, the one it already has if it is resumed."""
        self._live.add(number)
        own = {"mlflow.runName": run_name(number, name), "spectune.state": "running"}
        all_tags, flat = clean_tags({**tags, **own}), flatten_params(params)
        time_ms = now_ms()

        def apply(client: RunClient, again: bool) -> None:
            start_trial(client, number, flat, all_tags, again=again, time_ms=time_ms)

        self._thread.put(number, f"trial {number}, start", apply, size_of(flat) + size_of(all_tags))

    def log_epoch(self, number: int, epoch: int, metrics: Mapping[str, float]) -> None:
        """Log the metrics of one epoch at step `epoch`; values logged before are left out."""
        points, notes = self._logged.add(number, epoch, metrics)
        if points:
            self._thread.put_points(number, f"trial {number}, epoch {epoch}", points)
        if notes:
            self.retag(number, notes)

    def log_progress(self, step: int, metrics: Mapping[str, float]) -> None:
        """Log metrics of the whole study on its parent run, for instance the best UAR so far."""
        finite, _ = split_metrics(metrics)
        if points := points_at(step, finite):
            self._thread.put_points(STUDY, f"the study, step {step}", points)

    def retag(self, number: int, tags: Mapping[str, object]) -> None:
        """Set tags of a trial: what may change between attempts, such as slot or host."""
        cleaned, time_ms = clean_tags(tags), now_ms()

        def apply(client: RunClient, again: bool) -> None:
            client.log(client.trial_run(number, again, {}, time_ms), tags=cleaned)

        self._thread.put(number, f"trial {number}, tags", apply, size_of(cleaned))

    def finish_trial(
        self,
        number: int,
        state: Literal["complete", "pruned", "failed"],
        metrics: Mapping[str, float],
        tags: Mapping[str, object],
        artifacts: LazyArtifacts,
    ) -> None:
        """End a trial's run. Files are read later, by the writer: they must stay as they are.

        Artifacts that are a function are made by the writer, too, and cost no memory before.
        """
        self._live.discard(number)
        epochs = self._logged.forget(number)
        finite, notes = split_metrics(metrics)
        points = points_at(epochs, finite)
        all_tags, time_ms = clean_tags({**notes, **tags}), now_ms()

        def apply(client: RunClient, again: bool) -> None:
            end_trial(
                client,
                client.trial_run(number, again, {}, time_ms),
                state,
                points,
                all_tags,
                artifacts,
                epochs=epochs,
                whole=number not in self._thread.incomplete,
                time_ms=time_ms,
            )

        self._thread.put(
            number, f"trial {number}, end", apply, size_of(all_tags) + size_of(artifacts)
        )

    def log_fusion(self, run: FusionRun) -> None:
        """Log a fusion as a run that links its members; the same one again changes nothing.

        It lasts from its `started` until now.
        """
        time_ms = now_ms()
        self._thread.put(
            f"fusion {run.name}",
            f"fusion {run.name}",
            lambda client, _again: write_fusion(client, run, time_ms),
            size_of(run.artifacts) + 200 * len(run.trajectory),
        )

    def log_child(self, run: ChildRun) -> None:
        """Log a run of another kind as a whole; the same one again changes nothing."""
        time_ms = now_ms()
        self._thread.put(
            f"{run.kind} {run.key}",
            run.name,
            lambda client, _again: write_child(client, run, time_ms),
            size_of(run.artifacts) + 100 * len(run.epochs),
        )

    def describe(self, text: str, *, report: Path | None = None) -> None:
        """Set the parent run's description, in Markdown without HTML.

        Names in it must have gone through `escape_markdown`.

        Args:
            text: The description.
            report: A page that becomes an artifact of the run, and is linked first.
        """
        plain = text.replace("<", "&lt;")
        self._thread.put(
            STUDY,
            "the description",
            lambda client, _again: write_description(client, plain, report),
            len(text),
        )

    def log_report(self, report: Path) -> None:
        """Make a page an artifact of the parent run, in place of the one of that name."""
        self._log_artifact("the report", report.name, report)

    def log_weights(self, weights: Mapping[str, Any]) -> None:
        """Make what is known of the pretrained weights an artifact of the parent run."""
        self._log_artifact("the pretrained weights", "pretrained.json", weights)

    def _log_artifact(self, what: str, name: str, content: Any) -> None:
        def apply(client: RunClient, _again: bool) -> None:
            client.log_artifacts(client.run_id, {name: content})

        self._thread.put(STUDY, what, apply)

    def reconcile(self, trials: Iterable[TrackedTrial]) -> None:
        """Make the store equal to the trial folders; twice gives the same.

        Missing runs are made, runs left RUNNING by a killed process are closed, doubles go.
        Trials started through this tracker are left alone. A trial that is whole in the store
        makes no artifacts. What waits is no larger than the curves in the trial folders, and
        nothing else would make up for it, so only artifacts that are there count as memory.
        """
        work = Reconciliation()
        self._thread.put("reconcile", "reading the runs", lambda s, _again: work.survey(s))
        live = frozenset(self._live)
        known = set(live)
        for trial in trials:
            known.add(trial.number)
            if trial.number in live:
                continue
            if trial.state == "running":
                for epoch, metrics in trial.epochs.items():
                    self._logged.add(trial.number, epoch, metrics)
            self._thread.put(
                trial.number,
                f"trial {trial.number}, reconciliation",
                partial(work.complete, trial=trial),
                size_of(trial.artifacts),
            )
        self._thread.put("reconcile", "left runs", lambda s, _again: work.close_others(s, known))

    def close(
        self, state: Literal["finished", "killed", "failed"], drain_s: float = 30.0
    ) -> str | None:
        """End the parent run and trials still open, and write what waits for at most `drain_s`.

        Returns:
            None when all is written, else a sentence about what is not.
        """
        time_ms = now_ms()

        def interrupt(client: RunClient, _again: bool, *, number: int) -> None:
            if number in client.runs:
                client.log(client.runs[number], tags={"spectune.state": "interrupted"})
                client.terminate(client.runs[number], "KILLED", time_ms)

        def end(client: RunClient, _again: bool) -> None:
            if client.adding:
                return
            client.log(client.run_id, tags={"spectune.state": state})
            client.terminate(client.run_id, _ENDS[state], time_ms)

        for number in sorted(self._live):
            self._thread.put(number, f"trial {number}, end", partial(interrupt, number=number))
        self._thread.put(STUDY, "the study's end", end)
        return self._thread.close(drain_s)


class NullTracker(Tracker):
    """Takes the same calls and keeps nothing: a study without tracking needs no other code."""

    def __init__(self) -> None:
        super().__init__(NullThread())

    @property
    def store(self) -> None:
        """There is none."""

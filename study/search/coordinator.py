"""The coordinator: asks Optuna, gives work to the engine, judges, promotes, tells.

It alone writes the study folder, Optuna and MLflow. Everything it knows can be found again in the
trial folders, so that it may be killed at any point.
"""

from __future__ import annotations

import dataclasses
import time
import warnings
from dataclasses import dataclass, field
from typing import Any

from runners.engines.engine import MAX_LOSSES, Engine, Event
from runners.job import Job
from search_spaces.backbones.backbones import Timm
from search_spaces.spec import TrialSpec
from search_spaces.suggesters import flat_parameters
from study.files import write_json
from study.planning.plan import Plan
from study.results import read_results
from study.results.leaderboard import write_leaderboard
from study.results.seeds_table import next_repeat
from study.results.trial_folder import TrialFolder
from study.results.trial_record import GRID, REPEAT
from study.search.attempts import bring_files, delete_weights, newest_checkpoint, settle, was_split
from study.search.display import Progress
from study.search.failing_alike import FailingAlike
from study.search.recover import fault_of_spec, recover
from study.search.retrain import weights_of
from study.search.sampler import Asked, Sampling, rungs
from study.tracking.tracker import Tracker
from study.tracking.trial_run import (
    epoch_metrics,
    final_artifacts,
    final_metrics,
    result_tags,
    trial_tags,
)

__all__ = ["Coordinator", "Outcome"]


@dataclass
class Outcome:
    """How a session ended.

    Args:
        state: `finished`, `interrupted` or `faulty`.
        reason: Why it is faulty.
    """

    state: str
    reason: str = ""


@dataclass
class Active:
    """A trial that a slot works on."""

    folder: TrialFolder
    spec: TrialSpec
    attempt: int
    accumulate: int
    losses: int  # of its worker
    rungs: dict[int, int]  # epoch -> eighth
    verdicts: dict[int, bool] = field(default_factory=dict)
    uars: list[float] = field(default_factory=list)


class Coordinator:
    """Runs a planned study until its budget is used, it is interrupted, or its trials keep failing.

    Args:
        plan: The study.
        sampling: Optuna.
        engine: What runs trials.
        tracker: MLflow.
        progress: What a person sees.
    """

    def __init__(
        self, plan: Plan, sampling: Sampling, engine: Engine, tracker: Tracker, progress: Progress
    ) -> None:
        self.plan, self.sampling, self.engine = plan, sampling, engine
        self.tracker, self.progress = tracker, progress
        self.active: dict[int, Active] = {}
        self.finished: dict[int, dict[str, Any]] = {}
        self.origins: dict[int, str] = {}  # of every trial that was begun
        self.interrupted = False
        self.started = time.monotonic()
        self.elapsed_before = float(plan.state.get("elapsed_s", 0.0))
        self.fusion_members: set[int] = set()
        self._failing = FailingAlike()
        self._fault = ""

    def run(self) -> Outcome:
        """Run until the end of the session."""
        found = recover(self.plan.trials, self.sampling)
        self.finished, self.origins, left = found.finished, found.origins, found.left
        fusion = read_results(self.plan.folder).ensemble
        for number, result in self.finished.items():
            settle(TrialFolder(self.plan.trials, number), result)
        self.fusion_members = {member.trial for member in fusion.members} if fusion else set()
        self.progress.begin(self.finished.values(), self._total())
        self._note_session()
        try:
            while not self.interrupted and not self._fault:
                while self.engine.free and not self.interrupted:
                    asked = self.sampling.again(left.pop(0)) if left else self._ask()
                    if asked is None:
                        break
                    self._start(*asked)
                if not self.active:
                    break
                for event in self.engine.poll(0.5):
                    self._handle(event)
                self.progress.tick(self.elapsed)
        finally:
            self.engine.stop()
            self._note_elapsed()
            write_leaderboard(read_results(self.plan.folder), self.plan.folder / "leaderboard.csv")
        if self.interrupted:
            return Outcome("interrupted")
        return Outcome("faulty", self._fault) if self._fault else Outcome("finished")

    @property
    def elapsed(self) -> float:
        """Seconds that the study has run, over all sessions."""
        return self.elapsed_before + time.monotonic() - self.started

    def _ask(self) -> Asked | None:
        """Return the next trial: of the search, then of the repetitions; None where none is due."""
        config = self.plan.config
        if self._searching():
            return self.sampling.ask()
        search = [n for n in self.active if not self.origins[n].startswith(REPEAT)]
        if search or not config.seeds.top or config.sampler == "grid":
            return None  # the best specs are known when the search has ended
        number = next_repeat(self.finished, self.origins, top=config.seeds.top, n=config.seeds.n)
        if number is None:
            return None
        spec = TrialFolder(self.plan.trials, number).spec()
        return self.sampling.repeat(spec, origin=f"{REPEAT}{number}")

    def _searching(self) -> bool:
        """Whether the search has a trial to begin, within its budget."""
        budget = self.plan.config.budget
        begun = sum(not origin.startswith(REPEAT) for origin in self.origins.values())
        begun -= len(self.plan.taken)
        if self.sampling.exhausted or (budget.trials is not None and begun >= budget.trials):
            return False
        return budget.hours is None or self.elapsed < budget.hours * 3600

    def _total(self) -> int | None:
        """Return how many trials there will be, if that is known."""
        config = self.plan.config
        total = config.budget.trials
        if config.sampler == "grid":
            total = min(len(self.plan.prescribed), total or len(self.plan.prescribed))
        if total is None:
            return None
        repeats = 0 if config.sampler == "grid" else config.seeds.top * (config.seeds.n - 1)
        return total + repeats + len(self.plan.taken)

    def _start(self, number: int, spec: TrialSpec, origin: str) -> None:
        """Begin a new trial, or take up one that an earlier session left."""
        self.origins[number] = origin
        folder = TrialFolder(self.plan.trials, number)
        if not folder.begun:
            folder.begin(spec, origin=origin, params=flat_parameters(spec))
        events = folder.events()
        retries = [e.get("kind") for e in events if e.get("event") == "retry"]
        active = Active(
            folder,
            spec,
            attempt=folder.attempts(),
            accumulate=was_split(folder),
            losses=retries.count("lost"),
            rungs=self._rungs(spec, origin),
            verdicts={e["epoch"]: e["prune"] for e in events if e.get("event") == "verdict"},
        )
        self.active[number] = active
        self.tracker.start_trial(
            number, spec.label, flat_parameters(spec), trial_tags(spec, origin=origin)
        )
        self._submit(active)

    def _rungs(self, spec: TrialSpec, origin: str) -> dict[int, int]:
        """Return where a trial may be pruned; what is to be compared is trained to its end."""
        if not isinstance(spec.backbone, Timm) or origin.startswith((REPEAT, GRID)):
            return {}
        return rungs(spec.recipe.epochs)

    def _submit(self, active: Active) -> None:
        """Start the next attempt, from the last checkpoint there is."""
        folder = active.folder
        checkpoint = newest_checkpoint(folder, active.attempt)
        active.attempt += 1
        active.uars.clear()
        job = Job(
            number=folder.number,
            attempt=active.attempt,
            spec=active.spec,
            task=str(self.plan.folder / "task.json"),
            folder=str(folder.attempt(active.attempt)),
            weights=weights_of(self.plan, active.spec),
            rungs=tuple(active.rungs),
            accumulate=active.accumulate,
            checkpoint=checkpoint,
            checkpoint_s=self.plan.config.checkpoint_seconds,
        )
        self.engine.submit(job)

    def _handle(self, event: Event) -> None:
        active = self.active.get(event["number"])
        if active is None or event["attempt"] != active.attempt:
            return
        kind = event["event"]
        if kind in ("start", "resumed", "epoch"):
            active.folder.log({k: v for k, v in event.items() if k != "number"})
        if kind == "start":
            self.progress.trial_started(
                event["number"],
                active.spec.label,
                event["slot"],
                active.spec.recipe.epochs if isinstance(active.spec.backbone, Timm) else None,
            )
            self.tracker.retag(
                event["number"],
                {"spectune.host": event["host"], "spectune.device": event["device"],
                 "spectune.attempt": str(active.attempt)},
            )  # fmt: skip
        elif kind == "resumed":  # its last verdict may have been lost with its coordinator
            self._judge(active, event)
        elif kind == "epoch":
            self._judge(active, event)
            self.tracker.log_epoch(event["number"], event["epoch"], epoch_metrics(event))
            self.progress.epoch(event)
        elif kind == "done":
            self._finish(active, event)
        elif kind in ("failed", "lost"):
            self._fail(active, event)

    def _judge(self, active: Active, event: Event) -> None:
        """Report at an eighth of the schedule and answer; a verdict given once stands."""
        epoch = event["epoch"]
        if epoch not in active.rungs:
            return
        number = event["number"]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a step reported by an earlier attempt stays
            prune = self.sampling.report(number, step=active.rungs[epoch], uar=event["devel_uar"])
        if epoch in active.verdicts:
            prune = active.verdicts[epoch]
        else:
            active.verdicts[epoch] = prune
            active.folder.log(
                {"event": "verdict", "attempt": active.attempt, "epoch": epoch, "prune": prune}
            )
        self.engine.answer(number, epoch=epoch, prune=prune)

    def _fail(self, active: Active, event: Event) -> None:
        """Try again where that may help, else end the trial as failed."""
        kind = event.get("kind", "lost")
        if kind == "storage":  # no fault of the trial: it goes on once there is room
            self._fault = event["reason"]
            return
        memory_again = kind == "memory" and active.accumulate == 1
        lost_again = kind == "lost" and active.losses < MAX_LOSSES
        if memory_again or lost_again:
            reason = event["reason"] + ("; trying half the micro-batch" if memory_again else "")
            active.folder.log(
                {"event": "retry", "attempt": active.attempt, "kind": kind, "reason": reason}
            )
            active.accumulate = 2 if memory_again else active.accumulate
            active.losses += lost_again
            self.progress.note(f"trial {active.folder.number}: {reason}; trying again")
            self._submit(active)
            return
        self._finish(active, {"state": "failed", "kind": kind, "reason": event["reason"]})

    def _finish(self, active: Active, event: Event) -> None:
        """Promote what an attempt left: the trial has ended, once and for all."""
        number, spec = active.folder.number, active.spec
        uars = event.get("uar_per_epoch", [])
        best = event.get("best_epoch")
        identity = dataclasses.replace(self.plan.identity, seed=spec.seed)
        result = {
            "format": 1,
            "number": number,
            "state": event["state"],
            "kind": event.get("kind"),
            "reason": event.get("reason"),
            "attempt": active.attempt,
            "name": spec.label,
            "spec_digest": spec.digest,
            "family": spec.family,
            "uar": uars[best - 1] if best else None,
            "uar_per_epoch": uars,
            "train_loss_per_epoch": event.get("train_loss_per_epoch", []),
            "best_epoch": best,
            "epochs": event.get("epochs", spec.recipe.epochs),
            "seconds": event.get("seconds"),
            "device": event.get("device"),
            "n_parameters": event.get("n_parameters"),
            "identity": identity.to_json(),
            "files": event.get("files", {}),
        }
        bring_files(active.folder, active.attempt, result["files"], self.engine)
        active.folder.finish(result)
        settle(active.folder, result)
        del self.active[number]
        self.finished[number] = result
        self.sampling.tell(
            number, state=result["state"], uar=result["uar"], fault=fault_of_spec(result)
        )
        self.tracker.finish_trial(
            number,
            result["state"],
            final_metrics(result),
            result_tags(result),
            final_artifacts(self.plan, active.folder, result),
        )
        self.tracker.log_progress(len(self.finished), {"study/uar_best": self._best_uar()})
        delete_weights(
            self.plan.trials,
            self.finished.values(),
            keep=self.plan.config.keep_weights,
            members=self.fusion_members,
        )
        self._note_elapsed()
        self._fault = self._failing.count(result) or self._fault
        self.progress.trial_finished(result)

    def _best_uar(self) -> float:
        return max((r["uar"] for r in self.finished.values() if r["uar"] is not None), default=0.0)

    def _note_session(self) -> None:
        """Note for `spectune status` where this session began and what it may use."""
        self.plan.state["session"] = {
            "started": time.time(),
            "elapsed_before": self.elapsed_before,
            "finished_before": len(self.finished),
            "trials": self._total(),
            "hours": self.plan.config.budget.hours,
        }
        self._note_elapsed()

    def _note_elapsed(self) -> None:
        self.plan.state["elapsed_s"] = self.elapsed
        write_json(self.plan.folder / "state.json", self.plan.state)

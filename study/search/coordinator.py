"""The coordinator: gives every free slot a trial, and every event of a trial its answer.

It alone writes the study folder, Optuna and MLflow. All that it knows can be found again in the
trial folders, so that it may be killed at any point.
"""

from __future__ import annotations

import dataclasses
import time
import warnings
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from runners.engines.engine import Engine, Event
from search_spaces.backbones.backbones import Timm
from search_spaces.spec import TrialSpec
from search_spaces.suggesters import flat_parameters
from study.config import StudyConfig
from study.files import write_json
from study.planning.plan import Plan
from study.results import read_results
from study.results.leaderboard import write_leaderboard
from study.results.trial_folder import TrialFolder
from study.results.trial_record import GRID, REPEAT
from study.search.attempts import (
    ONGOING,
    Attempts,
    FailingAlike,
    bring_files,
    clean_up,
    delete_weights,
    fault_kind,
)
from study.search.display import Progress
from study.search.recover import recover, tell_end
from study.search.sampler import Sampling, Suggestion, rungs
from study.tracking.tracker import Tracker
from study.tracking.trial_run import epoch_metrics, track_end, track_start

POLL_S = 0.5  # the longest wait for an event


@dataclass(frozen=True)
class Outcome:
    """How a session ended.

    Args:
        state: `finished`, `interrupted` or `faulty`.
        reason: Why it is faulty.
    """

    state: str
    reason: str = ""


@dataclass
class ActiveTrial(Attempts):
    """A trial that a slot works on.

    Args:
        rungs: Epochs after which it may be pruned, and the eighth of its schedule that each ends.
        verdicts: What was answered after such an epoch: whether to prune.
    """

    rungs: Mapping[int, int] = field(default_factory=dict)
    verdicts: dict[int, bool] = field(default_factory=dict)


def rungs_of(spec: TrialSpec, origin: str) -> dict[int, int]:
    """Return where a trial may be pruned; what is to be compared is trained to its end."""
    if not isinstance(spec.backbone, Timm) or origin.startswith((REPEAT, GRID)):
        return {}
    return rungs(spec.recipe.epochs)


def next_repeat(
    finished: Mapping[int, Mapping[str, Any]], origins: Mapping[int, str], *, top: int, n: int
) -> int | None:
    """Return the trial of the search to train with another seed next, or None where all is done.

    All of the best get their second seed before one gets its third.

    Args:
        finished: Results by trial.
        origins: Where every trial that was begun came from.
        top: How many specs are repeated.
        n: Trainings of each, the first one counted.
    """
    repeats = Counter(
        int(origin.removeprefix(REPEAT)) for origin in origins.values() if origin.startswith(REPEAT)
    )
    search = [
        result
        for number, result in finished.items()
        if result["state"] == "complete" and not origins[number].startswith(REPEAT)
    ]
    search.sort(key=lambda result: (-result["uar"], result["number"]))
    by_spec: dict[str, int] = {}  # the best trial of each spec, best spec first
    for result in search:
        by_spec.setdefault(result["spec_digest"], result["number"])
    best = list(by_spec.values())[:top]
    lacking = [number for number in best if repeats[number] < n - 1]
    return min(lacking, key=lambda number: (repeats[number], best.index(number)), default=None)


def planned_trials(config: StudyConfig, *, n_enqueued: int, n_earlier: int) -> int | None:
    """Return how many trials there will be, None where only time is bounded.

    Args:
        config: Of the study.
        n_enqueued: Trials that no sampler chooses; with the sampler `grid` they are all.
        n_earlier: Trials of an earlier study that stand before them.
    """
    n_trials = config.budget.trials
    if config.sampler == "grid":
        return min(n_enqueued, n_trials or n_enqueued) + n_earlier
    if n_trials is None:
        return None
    return n_trials + config.seeds.top * (config.seeds.n - 1) + n_earlier


def best_uar(results: Iterable[Mapping[str, Any]]) -> float:
    """Return the highest devel UAR of some results, 0 without any."""
    return max((result["uar"] for result in results if result["uar"] is not None), default=0.0)


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
        self.active: dict[int, ActiveTrial] = {}
        self.left: list[int] = []  # by earlier sessions, to be taken up again
        self.finished: dict[int, dict[str, Any]] = {}  # results
        self.origins: dict[int, str] = {}  # of every trial that was begun
        self.fusion_members: set[int] = set()
        self.interrupted = False
        self.started = time.monotonic()
        self.elapsed_before = float(plan.state.get("elapsed_s", 0.0))
        self._failing = FailingAlike()
        self._fault = ""

    @property
    def elapsed(self) -> float:
        """Seconds that the study has run, over all sessions."""
        return self.elapsed_before + time.monotonic() - self.started

    def run(self) -> Outcome:
        """Run until the end of the session."""
        self._take_up()
        try:
            while not self.interrupted and not self._fault:
                self._fill_slots()
                if not self.active:
                    break
                for event in self.engine.poll(POLL_S):
                    self._handle(event)
                self.progress.tick(self.elapsed)
        finally:
            self.engine.stop()
            self._note_elapsed()
            write_leaderboard(read_results(self.plan.folder), self.plan.folder / "leaderboard.csv")
        if self.interrupted:
            return Outcome("interrupted")
        return Outcome("faulty", self._fault) if self._fault else Outcome("finished")

    def _take_up(self) -> None:
        """Learn from the trial folders where the study stands, and note where this session began.

        `spectune status` reads the note.
        """
        known = recover(self.plan.trials, self.sampling)
        self.finished, self.origins, self.left = (
            known.finished,
            known.origins,
            known.left,
        )
        fusion = read_results(self.plan.folder).ensemble
        self.fusion_members = {member.trial for member in fusion.members} if fusion else set()
        for number, result in self.finished.items():
            clean_up(TrialFolder(self.plan.trials, number), result)
        config = self.plan.config
        total = planned_trials(
            config, n_enqueued=len(self.plan.enqueued), n_earlier=len(self.plan.warm_start)
        )
        self.plan.state["session"] = {
            "started": time.time(),
            "elapsed_before": self.elapsed_before,
            "finished_before": len(self.finished),
            "trials": total,
            "hours": config.budget.hours,
        }
        self._note_elapsed()
        self.progress.begin(self.finished.values(), total)

    def _fill_slots(self) -> None:
        """Give every free slot a trial, as long as one is due."""
        while self.engine.free and not self.interrupted:
            due = self.sampling.again(self.left.pop(0)) if self.left else self._ask()
            if due is None:
                return
            self._start(due)

    def _ask(self) -> Suggestion | None:
        """Return the next trial: of the search, then of the repetitions; None where none is due."""
        seeds = self.plan.config.seeds
        if self._is_searching():
            return self.sampling.ask()
        search = [n for n in self.active if not self.origins[n].startswith(REPEAT)]
        if search or not seeds.top or self.plan.config.sampler == "grid":
            return None  # the best specs are known when the search has ended
        number = next_repeat(self.finished, self.origins, top=seeds.top, n=seeds.n)
        if number is None:
            return None
        spec = TrialFolder(self.plan.trials, number).spec()
        return self.sampling.repeat(spec, origin=f"{REPEAT}{number}")

    def _is_searching(self) -> bool:
        """Whether the search has a trial to begin, within its budget."""
        budget = self.plan.config.budget
        begun = sum(not origin.startswith(REPEAT) for origin in self.origins.values())
        begun -= len(self.plan.warm_start)
        if self.sampling.exhausted or (budget.trials is not None and begun >= budget.trials):
            return False
        return budget.hours is None or self.elapsed < budget.hours * 3600

    def _start(self, due: Suggestion) -> None:
        """Begin a new trial, or take up one that an earlier session left."""
        number, spec, origin = due
        folder = TrialFolder(self.plan.trials, number)
        trial = ActiveTrial.begin(folder, spec, origin=origin, params=flat_parameters(spec))
        trial.rungs = rungs_of(spec, origin)
        trial.verdicts = {
            event["epoch"]: event["prune"]
            for event in folder.events()
            if event["event"] == "verdict"
        }
        self.active[number], self.origins[number] = trial, origin
        track_start(self.tracker, number, spec, origin=origin)
        self._submit(trial)

    def _submit(self, trial: ActiveTrial) -> None:
        """Start the next attempt."""
        self.engine.submit(
            trial.next_job(
                trial.folder.number,
                task=self.plan.folder / "task.json",
                weights=self.plan.weights_file(trial.spec),
                rungs=tuple(trial.rungs),
                checkpoint_s=self.plan.config.checkpoint_seconds,
            )
        )

    def _handle(self, event: Event) -> None:
        """Do what an event asks for."""
        trial = self.active.get(event["number"])
        if trial is None or event["attempt"] != trial.attempt:
            return  # another attempt has taken its place
        if event["event"] in ONGOING:
            trial.log(event)
        match event["event"]:
            case "start":
                self._show_start(trial, event)
            case "resumed":  # its last verdict may have been lost with its coordinator
                self._judge(trial, event)
            case "epoch":
                self._judge(trial, event)
                self.tracker.log_epoch(event["number"], event["epoch"], epoch_metrics(event))
                self.progress.epoch(event)
            case "done":
                self._finish(trial, event)
            case "failed" | "lost":
                self._fail(trial, event)

    def _show_start(self, trial: ActiveTrial, event: Event) -> None:
        """Show and track where an attempt runs."""
        number, spec = event["number"], trial.spec
        epochs = spec.recipe.epochs if isinstance(spec.backbone, Timm) else None
        self.progress.trial_started(number, spec.label, event["slot"], epochs)
        tags = {f"spectune.{key}": event[key] for key in ("host", "device")}
        self.tracker.retag(number, tags | {"spectune.attempt": str(trial.attempt)})

    def _judge(self, trial: ActiveTrial, event: Event) -> None:
        """Report the UAR at an eighth of the schedule and answer; a verdict given once stands."""
        number, epoch = event["number"], event["epoch"]
        if epoch not in trial.rungs:
            return
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a step reported by an earlier attempt stays
            prune = self.sampling.report(number, step=trial.rungs[epoch], uar=event["devel_uar"])
        if epoch not in trial.verdicts:
            trial.verdicts[epoch] = prune
            verdict = {"attempt": trial.attempt, "epoch": epoch, "prune": prune}
            trial.log({"event": "verdict", **verdict})
        self.engine.answer(number, epoch=epoch, prune=trial.verdicts[epoch])

    def _fail(self, trial: ActiveTrial, event: Event) -> None:
        """Try again where that may help, else end the trial as failed."""
        if fault_kind(event) == "storage":  # no fault of the trial: it goes on once there is room
            self._fault = event["reason"]
        elif (reason := trial.try_again(event)) is not None:
            self.progress.note(f"trial {trial.folder.number}: {reason}; trying again")
            self._submit(trial)
        else:
            self._finish(trial, event)

    def _finish(self, trial: ActiveTrial, event: Event) -> None:
        """Accept what an attempt left: the trial has ended, once and for all."""
        number, result = trial.folder.number, self._result(trial, event)
        bring_files(trial.folder, trial.attempt, result["files"], self.engine)
        trial.folder.finish(result)
        clean_up(trial.folder, result)
        del self.active[number]
        self.finished[number] = result
        tell_end(self.sampling, result)
        track_end(self.tracker, self.plan, trial.folder, result)
        ended = self.finished.values()
        self.tracker.log_progress(len(ended), {"study/uar_best": best_uar(ended)})
        keep, members = self.plan.config.keep_weights, self.fusion_members
        delete_weights(self.plan.trials, ended, keep=keep, members=members)
        self._note_elapsed()
        self._fault = self._failing.count(result) or self._fault
        self.progress.trial_finished(result)

    def _result(self, trial: ActiveTrial, event: Event) -> dict[str, Any]:
        """Return the content of a trial's `result.json`."""
        spec, best = trial.spec, event.get("best_epoch")
        identity = dataclasses.replace(self.plan.identity, seed=spec.seed)
        return trial.result(
            event,
            kind=None if event["event"] == "done" else fault_kind(event),
            family=spec.family,
            uar=event["uar_per_epoch"][best - 1] if best else None,
            best_epoch=best,
            epochs=event.get("epochs", spec.recipe.epochs),
            identity=identity.to_json(),
        )

    def _note_elapsed(self) -> None:
        self.plan.state["elapsed_s"] = self.elapsed
        write_json(self.plan.folder / "state.json", self.plan.state)

"""`spectune run`: one session of a study, from its lock to its report."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from study.checking.check_file import write_check
from study.checking.terminal import headline
from study.config import StudyConfig
from study.fusion.fuse import Fusion
from study.fusion.sentences import all_sentences, fusion_table
from study.planning.cross_validation import protocol_sentence
from study.planning.plan import Plan, plan_study, write_study
from study.progress import report_tenths
from study.results import StudyLock, StudyResults, read_results
from study.results.seeds_table import seeds_lines, seeds_table
from study.results.trial_folder import trial_folders
from study.results.trial_states import count_words, shown_counts
from study.search.coordinator import Coordinator, Outcome
from study.search.display import Progress, make_progress
from study.search.retrain import open_engine
from study.search.sampler import Sampling
from study.search.select_fusion import select_fusion
from study.text import duration
from study.tracking.store import sqlite_uri
from study.tracking.store_checks import check_stores
from study.tracking.study_run import describe_study, note_run, open_tracker
from study.tracking.tracker import Tracker
from study.weights.sentence import weights_sentence

EXIT_DONE, EXIT_FAULTY, EXIT_INTERRUPTED = 0, 3, 130

Echo = Callable[[str], None]


def run_study(
    config: StudyConfig,
    *,
    base: Path,
    echo: Echo = print,
    progress: Progress | None = None,
    report: Callable[[Path], Path] | None = None,
    command: str | None = None,
) -> int:
    """Launch a study, or go on with it; ends with fusion, leaderboard and report.

    Args:
        config: The study.
        base: Folder that its paths are relative to.
        echo: Prints a line.
        progress: What is shown meanwhile; by default what suits the terminal.
        report: Writes the report of a results folder (`reports.write_report`).
        command: What was called, for the record; None: the command line.

    Returns:
        The exit code.

    Raises:
        InputError: If anything the user gave is wrong; nothing is written then.
    """
    decoding = report_tenths("decoding files", echo)
    plan = plan_study(config, base=base, progress=decoding, command=command)
    check_stores(plan)
    plan.folder.mkdir(parents=True, exist_ok=True)
    with StudyLock(plan.folder):
        write_study(plan)
        echo(plan.cached.summary())
        reading = report_tenths("checking files", echo)
        check = write_check(config, base=base, folder=plan.folder, progress=reading)
        echo(f"{headline(check)}{'' if check.clean else '; `spectune check` says which'}")
        plan.warm_start.copy_to(plan.trials)
        echo(_opening(plan))
        for key, weights in plan.state["weights"].items():
            echo(f"pretrained weights {key}: {weights_sentence(weights)}")
        if plan.task.folds:
            echo(protocol_sentence(config.protocol, plan.task.folds))
        tracker = open_tracker(plan)
        try:
            outcome = _search(plan, tracker, progress or make_progress(hours=config.budget.hours))
            results = read_results(plan.folder)
            ended = outcome.state != "interrupted"
            selected = select_fusion(config, results, tracker, echo=echo) if ended else None
            fusion = selected[0] if selected else None
            if report is not None and ended:
                report(plan.folder)
            describe_study(tracker, results, all_sentences(fusion) if fusion else [])
        except BaseException:
            tracker.close("failed", drain_s=5.0)
            raise
        ends = {"finished": "finished", "interrupted": "killed", "faulty": "failed"}
        left = tracker.close(ends[outcome.state])  # type: ignore[arg-type]
        note_run(plan, tracker)  # a store that was away at the beginning may have answered since
        if left:
            echo(f"MLflow: {left}; `spectune reconcile` writes it from the trial folders")
    _closing(plan, results, fusion, outcome, echo)
    if tracker.store is not None and outcome.state != "interrupted" and fusion is not None:
        where = tracker.store.label
        echo(f"runs: spectune ui {plan.folder}, or `mlflow ui` in the folder of {where}")
    if outcome.state == "interrupted":
        return EXIT_INTERRUPTED
    return EXIT_DONE if outcome.state == "finished" and fusion is not None else EXIT_FAULTY


def _search(plan: Plan, tracker: Tracker, progress: Progress) -> Outcome:
    sampling, engine = open_sampling(plan), open_engine(plan.config)
    coordinator = Coordinator(plan, sampling, engine, tracker, progress)
    with _interruptible(coordinator):
        try:
            return coordinator.run()
        finally:
            progress.end()


def open_sampling(plan: Plan) -> Sampling:
    """Open the Optuna study of a plan."""
    storage = plan.config.storage or sqlite_uri(plan.folder / "optuna.db")
    return Sampling(
        storage,
        name=f"{plan.config.name}-{plan.space.digest}",
        space=plan.space,
        enqueued=plan.enqueued,
        n_earlier=len(plan.warm_start),
        sampler=plan.config.sampler,
        seed=plan.config.seed,
        pruning=plan.config.pruning,
    )


@contextmanager
def _interruptible(coordinator: Coordinator) -> Iterator[None]:
    """Make Ctrl-C and SIGTERM end the session after the event at hand; a second one at once.

    So does a terminal that hangs up, where the command was not started to outlive it (`nohup`).
    Python gives signals to the main thread alone; elsewhere they are left as they are.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: FrameType | None) -> None:
        if coordinator.interrupted:
            raise KeyboardInterrupt
        coordinator.interrupted = True

    numbers = [signal.SIGINT, signal.SIGTERM]
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        numbers.append(signal.SIGHUP)
    before = {number: signal.signal(number, stop) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _opening(plan: Plan) -> str:
    done = len([f for f in trial_folders(plan.trials) if f.result() is not None])
    how = f"goes on after {done} finished trials" if plan.resumed else f"begins{_warm_start(plan)}"
    budget = plan.config.budget
    bounds = [
        f"a grid of {len(plan.enqueued)} trials" if plan.config.sampler == "grid" else "",
        f"{budget.trials} trials" if budget.trials else "",
        f"{budget.hours:g} h" if budget.hours else "",
    ]
    return f"study {plan.config.name} {how}: {' or '.join(filter(None, bounds))} in {plan.folder}"


def _warm_start(plan: Plan) -> str:
    """Say what an earlier study gives, and what of it the sampler cannot learn from."""
    if not plan.warm_start:
        return ""
    outside = sum(plan.space.parameters(spec) is None for spec in plan.warm_start.specs)
    but = f", {outside} of them outside the space" if outside else ""
    return f" with {len(plan.warm_start)} trials of {plan.warm_start.name}{but}"


def _closing(
    plan: Plan, results: StudyResults, fusion: Fusion | None, outcome: Outcome, echo: Echo
) -> None:
    """Say what came of the session and where it is."""
    if outcome.state == "interrupted":
        echo("interrupted; the same command goes on")
        return
    if outcome.state == "faulty":
        echo(f"stopped: {outcome.reason}; see the log.txt of the attempts in {plan.trials}")
    if fusion is None:
        echo("no trial has ended with a result")
        return
    rank = plan.config.seeds.rank
    for line in seeds_lines(seeds_table(results.ranked, rank=rank), rank=rank):
        echo(line)
    echo(fusion_table(fusion))
    if plan.cached.corpus.simulated:
        echo("simulated corpus: no figure here may stand beside one of the real task")
    counts = ", ".join(count_words(shown_counts(results.count(), running=False)))
    echo(f"{counts}; {duration(plan.state['elapsed_s'])} in all")
    echo(f"report: {plan.folder / 'report.html'}")

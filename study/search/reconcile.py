"""`spectune reconcile`: the stores made equal to the trial folders, which are the truth.

Optuna's store is filled with what it lacks, or made anew where it cannot be read. MLflow's runs
are made, closed and completed, and its SQLite file, too, is made anew where it is damaged. A trial
whose files are damaged loses its result, so that the next run trains it again: on a CPU that gives
the same bytes.
"""

from __future__ import annotations

import contextlib
import itertools
import sqlite3
from collections.abc import Callable
from pathlib import Path

from runners.trial import WEIGHTS
from search_spaces.grammar.errors import InputError
from study.config import StudyConfig
from study.files import file_sha256
from study.fusion.sentences import all_sentences
from study.planning.plan import plan_study
from study.results import StudyLock, read_results
from study.results.trial_folder import TrialFolder, trial_folders
from study.search.recover import recover
from study.search.restore import NOTE
from study.search.select_fusion import select_fusion
from study.search.session import open_sampling
from study.tracking.store_checks import LeftOutError, check_stores, tracking_store
from study.tracking.study_run import describe_study, open_tracker

EXIT_DONE, EXIT_PROBLEMS = 0, 1
DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR}  # no such table


def reconcile_study(config: StudyConfig, *, base: Path, echo: Callable[[str], None] = print) -> int:
    """Reconcile a study that is not running.

    Args:
        config: The study.
        base: Folder that its paths are relative to.
        echo: Prints a line.

    Returns:
        The exit code: 0, or 1 where trials have to be run again.

    Raises:
        InputError: If the study has not begun, runs, or is not the one that was run.
    """
    plan = plan_study(config, base=base)
    if not plan.resumed:
        raise InputError(f"{plan.folder}: the study has not been run, or its results were deleted")
    check_stores(plan)
    with StudyLock(plan.folder, purpose="reconcile"):
        folders = trial_folders(plan.trials)
        again = [folder.number for folder in folders if _drop_damaged(folder, echo)]
        if config.storage is None:
            _move_damaged(plan.folder / "optuna.db", "trials", "Optuna", echo)
        if config.tracking:
            with contextlib.suppress(LeftOutError):  # `open_tracker` says so
                if (runs := tracking_store(plan.state, plan.project).file) is not None:
                    _move_damaged(runs, "runs", "MLflow", echo)
        sampling = open_sampling(plan)
        before = len(sampling.numbers())
        to_run = recover(plan.trials, sampling).left
        now = len(sampling.numbers())
        echo(f"Optuna: {now} trials, {now - before} of them put into the store again")
        tracker = open_tracker(plan, adding=not to_run)
        try:
            results = read_results(plan.folder)
            selected = None if to_run else select_fusion(config, results, tracker, echo=echo)
            describe_study(tracker, results, all_sentences(selected[0]) if selected else [])
        finally:
            left = tracker.close("finished" if not to_run else "killed", drain_s=600.0)
    if tracker.store is not None or not config.tracking:
        done = f"{len(folders)} trials are as their folders say"
        echo(f"MLflow: {left or done}")
    if to_run:
        numbers = ", ".join(map(str, to_run))
        echo(f"to be run (again) by `spectune run`: trials {numbers}")
    return EXIT_PROBLEMS if again or left else EXIT_DONE


def damaged_files(folder: TrialFolder) -> list[str]:
    """Return the files of a finished trial that are missing or not what the trial wrote.

    Weights may be missing: a study keeps those of its best trials only.
    """
    result = folder.result()
    if result is None:
        return []
    attempt = folder.attempt(result["attempt"])
    restored = (folder.path / NOTE).exists()  # the weights, trained again: perhaps other bytes
    return [
        name
        for name, digest in result["files"].items()
        if not (name == WEIGHTS and (restored or not (attempt / name).exists()))
        and not _has_digest(attempt / name, digest)
    ]


def _drop_damaged(folder: TrialFolder, echo: Callable[[str], None]) -> bool:
    """Take a trial's result away if its files are damaged; return whether it has to run again."""
    unreadable = (folder.path / "result.json").exists() and folder.result() is None
    damaged = ["result.json"] if unreadable else damaged_files(folder)
    if not damaged:
        return False
    if damaged == [WEIGHTS]:  # its numbers are whole
        (folder.attempt((folder.result() or {})["attempt"]) / WEIGHTS).unlink()
        echo(f"trial {folder.number}: {WEIGHTS} is damaged, and dropped; trained again on demand")
        return False
    folder.set_aside_result()
    echo(f"trial {folder.number}: damaged or missing: {', '.join(damaged)}; it has to run again")
    return True


def _move_damaged(path: Path, table: str, whose: str, echo: Callable[[str], None]) -> None:
    """Move an SQLite store away, with all that is left in it, if SQLite finds it damaged.

    Other studies' runs may be in it: what was moved away before is never replaced.
    """
    if not path.is_file() or (damage := _damage(path, table)) is None:
        return
    name = f"{path.name}.damaged"
    names = itertools.chain([name], (f"{name}-{n}" for n in itertools.count(2)))
    aside = next(new for new in map(path.with_name, names) if not new.exists())
    path.replace(aside)
    for suffix in ("-journal", "-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            path.with_name(path.name + suffix).replace(aside.with_name(aside.name + suffix))
    echo(f"{whose}: {path.name} is damaged ({damage}), and is now {aside.name}")


def _damage(path: Path, table: str) -> str | None:
    """What SQLite finds damaged; None also where it cannot look: no right to, or it is locked."""
    try:
        with contextlib.closing(sqlite3.connect(path)) as database:
            (verdict,) = database.execute("pragma integrity_check").fetchone()
            database.execute(f"select count(*) from {table}")
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF not in DAMAGED:
            return None
        verdict = str(error)
    return None if verdict == "ok" else str(verdict).partition("\n")[0]


def _has_digest(path: Path, digest: str) -> bool:
    """Whether it is a file, and the one that the trial wrote."""
    return path.is_file() and file_sha256(path) == digest

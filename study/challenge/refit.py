"""`spectune refit`: the fusion's members trained on train and devel, for the blind test.

    results/<study>/refit/00042/seed-0/   spec.json events.jsonl result.json attempt-1/ as a trial's
    results/<study>/refit/refit.json      what the members are, and how far the protocols agree
    results/<study>/refit/predictions_test.csv

Each member keeps its trial's schedule length and is stopped where the trial was best on devel,
since nothing is left to choose an epoch on. Members, weights and rule of the fusion are carried
over; a bias or a temperature is part of the rule only where it was cross-fitted: where it gained
on speakers that it was not fitted on. Imported systems keep their own test predictions.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

from runners.job import Task
from search_spaces.backbones.backbones import BandSvm
from search_spaces.spec import TrialSpec
from search_spaces.suggesters import flat_parameters
from study.challenge.refit_record import PROTOCOL, refit_text, write_refit
from study.config import StudyConfig
from study.fusion.stored import fusion_members
from study.planning.enqueued_trials import hashed_seed
from study.planning.plan import Plan, plan_study
from study.results import StudyLock, StudyResults, read_results
from study.results.ensemble_json import Member
from study.search.attempts import Retry
from study.search.retrain import Training, TrainingFolder, open_engine, run_trainings
from study.text import duration
from study.tracking.study_run import open_tracker
from study.tracking.tracker import ChildRun
from study.tracking.trial_run import epoch_metrics, trial_tags

EXIT_DONE, EXIT_FAULTY = 0, 3


def refit_study(
    config: StudyConfig,
    *,
    base: Path,
    echo: Callable[[str], None] = print,
    seeds: int | None = None,
) -> int:
    """Train what is not trained yet, then predict test with it; the same again goes on.

    Args:
        config: The study.
        base: Folder that its paths are relative to.
        echo: Prints a line.
        seeds: Networks per member; None: as `study.yaml` says.

    Returns:
        The exit code: 0, or 3 where a training failed.

    Raises:
        InputError: If the study has no fusion, or is not the one that was run.
    """
    plan = plan_study(config, base=base)
    members = fusion_members(read_results(plan.folder))
    folder = plan.folder / "refit"
    with StudyLock(plan.folder, purpose="refit"):
        results = read_results(plan.folder)
        folder.mkdir(exist_ok=True)
        refit_task(plan.task).write(folder / "task.json")
        trainings = [
            training
            for member in members
            for training in _trainings(plan, results, member, seeds or config.refit.seeds)
        ]
        echo(
            f"refit of {len(members)} members on train+devel: {len(trainings)} trainings in"
            f" {folder}"
        )
        tracker = open_tracker(plan, adding=True)
        try:
            failures = run_trainings(
                trainings,
                open_engine(config),
                checkpoint_s=config.checkpoint_seconds,
                ended=lambda training, result: echo(_line(training, result)),
            )
            for training in trainings:
                tracker.log_child(_tracked(training))
        except BaseException:
            tracker.close("killed", drain_s=5.0)
            raise
        record = None if failures else write_refit(results, trainings, members, folder)
        left = tracker.close("failed" if failures else "finished")
    for sentence in [*failures, *([f"MLflow: {left}"] if left else [])]:
        echo(sentence)
    if record is None:
        echo("a training failed, so there is no refit; the same command tries it again")
        return EXIT_FAULTY
    echo(refit_text(record, folder))
    return EXIT_DONE


def refit_task(task: Task) -> Task:
    """Return the task with devel in train, and nothing in devel.

    >>> task = Task("", ("a", "b"), {"train": (0,), "devel": (1,), "test": (2,)},
    ...             {"train": (1,), "devel": (0,)})
    >>> refit_task(task).partitions, refit_task(task).labels
    ({'train': (0, 1), 'devel': (), 'test': (2,)}, {'train': (1, 0), 'devel': ()})
    """
    clips, labels = task.partitions["train"], task.labels["train"]
    if not task.folds:  # in a cross-validation they are the same clips
        clips, labels = clips + task.partitions["devel"], labels + task.labels["devel"]
    return dataclasses.replace(
        task,
        partitions={"train": clips, "devel": (), "test": task.partitions["test"]},
        labels={"train": labels, "devel": ()},
        folds=(),
    )


def seed_of(seed: int, n: int) -> int:
    """Return the seed of a member's network `n`; the first has the trial's own.

    >>> seed_of(7, 0), seed_of(7, 1) == seed_of(7, 1), seed_of(7, 1) == seed_of(7, 2)
    (7, True, False)
    """
    if n == 0:
        return seed
    return hashed_seed(f"refit {seed} {n}")


def _trainings(plan: Plan, results: StudyResults, member: Member, seeds: int) -> list[Training]:
    trial = results.trial(member.trial)
    spec = TrialSpec.from_dict(trial.spec)
    # A linear machine has one optimum, whatever the seed.
    n_seeds = 1 if isinstance(spec.backbone, BandSvm) else seeds
    # More clips are passed as often as fewer were, not for as many steps.
    recipe = spec.recipe.for_more_clips(_more_clips(plan.task))
    own = [
        dataclasses.replace(spec, recipe=recipe, seed=seed_of(spec.seed, n)) for n in range(n_seeds)
    ]
    folder = plan.folder / "refit"
    return [
        Training(
            TrainingFolder(folder / f"{trial.number:05d}" / f"seed-{n}", trial.number),
            spec,
            folder / "task.json",
            last_epoch=trial.best_epoch or 1,
            title=f"refit {trial.number:03d} {trial.name}, seed {n + 1} of {n_seeds}",
            weights=plan.weights_file(spec),
            accumulate=Retry.from_events(trial.events).accumulate,
            about={"trial": trial.number, "seed": spec.seed, "n": n, "protocol": PROTOCOL},
        )
        for n, spec in enumerate(own)
    ]


def _more_clips(task: Task) -> float:
    """Return how many times the clips of a trial's training a refit trains on.

    >>> _more_clips(Task("", ("a",), {"train": (0, 1), "devel": (2,), "test": ()}, {}))
    1.5
    """
    n_train, n_devel = (len(task.partitions[name]) for name in ("train", "devel"))
    return task.n_folds / (task.n_folds - 1) if task.n_folds else (n_train + n_devel) / n_train


def _line(training: Training, result: dict[str, Any]) -> str:
    if result["state"] == "failed":
        return f"{training.title}: failed"
    epochs = f"{result['last_epoch']} of {result['epochs']} epochs"
    return f"{training.title}: {epochs}, {duration(result['seconds'])}"


def _tracked(training: Training) -> ChildRun:
    """Return what MLflow holds of a training."""
    folder = training.folder
    result, events = folder.result() or {}, folder.events()
    epochs = {e["epoch"]: epoch_metrics(e) for e in events if e.get("event") == "epoch"}
    times = [e["time"] for e in events if "time" in e]
    about = training.about
    return ChildRun(
        kind="refit",
        key=f"{about['trial']}/seed-{about['n']}",
        name=training.title,
        params=flat_parameters(training.spec) | {"refit": dict(about)},
        metrics={
            "time/trial_s": result.get("seconds"),
            "devel/epoch_best": result.get("last_epoch"),
        },
        epochs=epochs,
        tags=trial_tags(training.spec, origin="refit") | {"spectune.state": result.get("state")},
        artifacts={
            name: path
            for name in ("spec.json", "result.json")
            if (path := folder.path / name).exists()
        },
        started=min(times, default=None),
        ended=max(times, default=None),
    )

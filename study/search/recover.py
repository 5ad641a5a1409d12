"""Taking a study up again: Optuna learns what the trial folders hold, and nothing else is lost."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from search_spaces.backbones.backbones import Timm
from search_spaces.grammar.errors import InputError
from study.files import number as plain_number
from study.results.trial_folder import TrialFolder, trial_folders
from study.results.trial_record import SAMPLER
from study.search.sampler import Sampling, rungs

FAULTS_OF_SPEC = ("memory", "loss")  # of `runners.faults`; others may be the machine's
MOST_GAPS = 1000  # a kill between asking and writing leaves one per slot, until the next session


@dataclass(frozen=True)
class Recovered:
    """What the folders of a study hold.

    Args:
        finished: Results by trial.
        origins: Where every trial that was begun comes from.
        left: Trials to be taken up again, by number.
    """

    finished: dict[int, dict[str, Any]]
    origins: dict[int, str]
    left: list[int]


def recover(trials: Path, sampling: Sampling) -> Recovered:
    """Make Optuna's store agree with the trial folders.

    Optuna is told the end of a trial once. A trial that was begun and has no result, or a damaged
    one, is left to be run. What the store has lost is put into it again.

    Raises:
        InputError: If a `spec.json` is damaged, a result another version's, or so many trials are
            missing before the last one that this is no trial of the study.
    """
    folders = {folder.number: folder for folder in trial_folders(trials)}
    last = max(folders, default=-1)
    if last + 1 - len(folders) > MOST_GAPS:
        raise InputError(
            f"{folders[last].path}: at most {MOST_GAPS} trials may be missing before a trial, got"
            f" {last + 1 - len(folders)}"
        )
    origins = {number: folder.origin() for number, folder in folders.items()}
    results = {number: folder.result() for number, folder in folders.items()}
    finished = {number: result for number, result in results.items() if result is not None}
    for number in folders.keys() - finished.keys():
        folders[number].set_aside_result()
    _replay(folders, origins, sampling)
    left = set(folders) - set(finished)
    for number in sampling.running():
        result = finished.get(number)
        if result is None:
            left.add(number)
        else:
            tell_end(sampling, result)
    return Recovered(finished, origins, sorted(left))


def tell_end(sampling: Sampling, result: dict[str, Any]) -> None:
    """Tell Optuna the end of a trial, with its fault where the sampler should know it."""
    fault = fault_of_spec(result)
    sampling.tell(result["number"], state=result["state"], uar=result["uar"], fault=fault)


def fault_of_spec(result: dict[str, Any]) -> str | None:
    """Return the kind of a trial's fault where its spec is at fault and the sampler should know."""
    kind = result.get("kind")
    return str(kind) if result["state"] == "failed" and kind in FAULTS_OF_SPEC else None


def _replay(folders: dict[int, TrialFolder], origins: dict[int, str], sampling: Sampling) -> None:
    """Put into Optuna's store what the trial folders have and it has not (it was deleted)."""
    for number in range(len(sampling.numbers()), max(folders, default=-1) + 1):
        spec = folders[number].spec() if number in folders else None
        sampling.replay(number, spec, origin=origins.get(number, SAMPLER))
        if spec is None or not isinstance(spec.backbone, Timm):
            continue
        steps = rungs(spec.recipe.epochs)
        epochs = {e["epoch"]: e for e in folders[number].events() if e["event"] == "epoch"}
        for epoch in sorted(epochs.keys() & steps.keys()):
            uar = plain_number(epochs[epoch].get("devel_uar"))
            if uar is not None:
                sampling.report(number, step=steps[epoch], uar=uar)

"""One attempt at one trial: train, keep what the study needs, say so."""

from __future__ import annotations

import hashlib
import io
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runners.band_svm import SvmFit
from runners.checkpoint import load_checkpoint, save_checkpoint
from runners.cross_validation import CrossValidation, Fit
from runners.device import Compute
from runners.job import Job, Task
from runners.model import save_weights
from runners.training import Training
from runners.waveforms import Waveforms
from search_spaces.backbones.backbones import BandSvm

WEIGHTS = "model.safetensors"
FILES = ("devel.npy", "test.npy", WEIGHTS)
CHECKPOINT = "checkpoint.safetensors"

Report = Callable[[dict[str, Any]], None]
Verdict = Callable[[int], bool]  # epoch of a rung -> whether to stop there; waits for the answer


def run_trial(
    job: Job,
    task: Task,
    waveforms: Waveforms,
    compute: Compute,
    *,
    report: Report,
    verdict: Verdict,
    alive: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    """Run an attempt to its end and return the `done` event.

    The verdict on a rung is awaited only after the next epoch is trained and before it is
    evaluated: the device does not wait for the coordinator, and a pruned trial is the same
    whatever the timing.

    Args:
        job: The attempt; its folder gets `FILES`, and keeps its checkpoint: a kill before the
            coordinator has written the result costs no epoch (`study.search.attempts.clean_up`).
        task: The clips and labels.
        waveforms: The corpus on the device.
        compute: How to compute.
        report: Is given an event per epoch.
        verdict: Asked after each rung of the job.
        alive: Called at every step and at every batch of an evaluation.
    """
    started = time.monotonic()
    folder = Path(job.folder)
    folder.mkdir(parents=True, exist_ok=True)
    fit = make_fit(job, task, waveforms, compute, alive=alive)
    pruned = _run(fit, job, report, verdict)
    test, curves = fit.test(), fit.curves
    if curves.devel:
        _save(folder / "devel.npy", np.stack(curves.devel))
    if test is not None:
        _save(folder / "test.npy", test)
    about = {
        "format": 1,
        "spec": job.spec.to_dict(),
        "classes": list(task.classes),
        "sampling_rate": waveforms.sampling_rate,
        "clip_seconds": task.clip_seconds,
        "pad": task.pad,
        "epoch": curves.best_epoch,
        "folds": task.n_folds,
    }
    save_weights(fit.best, folder / WEIGHTS, about=about)
    return {
        "event": "done",
        "state": "pruned" if pruned else "complete",
        "uar_per_epoch": curves.devel_uar,
        "train_loss_per_epoch": curves.train_loss,
        "best_epoch": curves.best_epoch,
        "epochs": 1 if isinstance(job.spec.backbone, BandSvm) else job.spec.recipe.epochs,
        "seconds": time.monotonic() - started,
        "device": str(compute.device),
        "n_parameters": fit.n_parameters,
        "files": {
            name: hashlib.sha256((folder / name).read_bytes()).hexdigest()
            for name in FILES
            if (folder / name).exists()
        },
    }


def make_fit(
    job: Job,
    task: Task,
    waveforms: Waveforms,
    compute: Compute,
    *,
    alive: Callable[[], None] = lambda: None,
) -> Fit:
    """Return what trains a job's spec on a task, one network or one per fold."""

    def fit(part: Task, *, chooses: bool) -> Fit:
        if isinstance(job.spec.backbone, BandSvm):
            return SvmFit(job.spec, part, waveforms, compute, alive=alive)
        return Training(job, part, waveforms, compute, alive=alive, chooses=chooses)

    if not task.n_folds:
        return fit(task, chooses=True)
    folds = range(task.n_folds)
    return CrossValidation([fit(task.fold(k), chooses=False) for k in folds], task)


def _run(fit: Fit, job: Job, report: Report, verdict: Verdict) -> bool:
    """Train to the end, or to the rung at which the trial is pruned; return whether it was."""
    asked: int | None = None
    state = load_checkpoint(Path(job.checkpoint)) if job.checkpoint else None
    if state is not None and fit.set_state(state):
        uars, epoch = fit.curves.devel_uar, len(fit.curves.train_loss)
        report({"event": "resumed", "epoch": epoch, "devel_uar": uars[-1] if uars else None})
        asked = epoch if epoch in job.rungs else None
    saved = time.monotonic()
    for event in fit.epochs():
        if event["event"] == "trained":
            if asked is not None and verdict(asked):
                return True
            asked = None
            continue
        report(event)
        asked = event["epoch"] if event["epoch"] in job.rungs else None
        if time.monotonic() - saved >= job.checkpoint_s:
            save_checkpoint(fit.state(), Path(job.folder) / CHECKPOINT)
            saved = time.monotonic()
    return asked is not None and verdict(asked)


def _save(path: Path, values: NDArray[Any]) -> None:
    buffer = io.BytesIO()
    np.save(buffer, values, allow_pickle=False)
    path.write_bytes(buffer.getvalue())

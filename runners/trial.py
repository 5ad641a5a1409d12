"""One attempt at one trial: train, keep what the study needs, say so."""

from __future__ import annotations

import hashlib
import io
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from runners.band_svm import fit_band_svm
from runners.device import Compute
from runners.job import Job, Task
from runners.model import make_classifier, save_weights
from runners.training import Curves, Training, peak_memory_gb, predict, uar
from runners.waveforms import Waveforms
from search_spaces.backbones import BandSvm

__all__ = ["CHECKPOINT", "FILES", "Report", "Verdict", "run_trial"]

FILES = ("devel.npy", "test.npy", "model.safetensors")
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
        job: The attempt; its folder gets `FILES`.
        task: The clips and labels.
        waveforms: The corpus on the device.
        compute: How to compute.
        report: Is given an event per epoch.
        verdict: Asked after each rung of the job.
        alive: Called at every step.
    """
    started = time.monotonic()
    folder = Path(job.folder)
    folder.mkdir(parents=True, exist_ok=True)
    if isinstance(job.spec.backbone, BandSvm):
        curves, state, test, n_parameters = _fit_svm(job, task, waveforms, compute, report)
        pruned = False
    else:
        training = Training(job, task, waveforms, compute, alive=alive)
        pruned = _train(training, job, report, verdict)
        test = training.test()
        curves, state = training.curves, training.best
        n_parameters = sum(p.numel() for p in training.model.parameters())
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
    }
    save_weights(state, folder / "model.safetensors", about=about)
    (folder / CHECKPOINT).unlink(missing_ok=True)
    return {
        "event": "done",
        "state": "pruned" if pruned else "complete",
        "uar_per_epoch": curves.devel_uar,
        "train_loss_per_epoch": curves.train_loss,
        "best_epoch": curves.best_epoch,
        "epochs": _epochs(job),
        "seconds": time.monotonic() - started,
        "device": str(compute.device),
        "n_parameters": n_parameters,
        "files": {
            name: hashlib.sha256((folder / name).read_bytes()).hexdigest()
            for name in FILES
            if (folder / name).exists()
        },
    }


def _epochs(job: Job) -> int:
    return 1 if isinstance(job.spec.backbone, BandSvm) else job.spec.recipe.epochs


def _train(training: Training, job: Job, report: Report, verdict: Verdict) -> bool:
    """Train to the end or to a rung's verdict; return whether the trial was pruned."""
    checkpoint = Path(job.folder) / CHECKPOINT
    asked: int | None = None
    if job.checkpoint and training.resume(Path(job.checkpoint)):
        uars = training.curves.devel_uar
        report(
            {
                "event": "resumed",
                "epoch": training.epoch,
                "devel_uar": uars[-1] if uars else None,
            }
        )
        asked = training.epoch if training.epoch in job.rungs else None
    for event in training.epochs():
        if event["event"] == "trained":
            if asked is not None and verdict(asked):
                return True
            asked = None
            continue
        report(event)
        asked = event["epoch"] if event["epoch"] in job.rungs else None
        training.save(checkpoint)
    return asked is not None and verdict(asked)


def _fit_svm(
    job: Job, task: Task, waveforms: Waveforms, compute: Compute, report: Report
) -> tuple[Curves, dict[str, torch.Tensor], NDArray[np.float32] | None, int]:
    """Fit the linear baseline as a trial of one epoch."""
    started = time.monotonic()
    model = make_classifier(
        job.spec,
        sampling_rate=waveforms.sampling_rate,
        n_samples=waveforms.length,
        n_classes=len(task.classes),
    )
    loss = fit_band_svm(
        model.to(compute.device),
        waveforms,
        task.partitions["train"],
        np.array(task.labels["train"], dtype=np.int64),
        c=job.spec.backbone.c if isinstance(job.spec.backbone, BandSvm) else 1.0,
    )
    model = model.to(compute.device)
    curves = Curves(train_loss=[loss], best_epoch=1)
    test = None
    found = {
        name: predict(model, waveforms, waveforms.cover(task.partitions[name]), compute).cpu()
        for name in ("devel", "test")
        if task.partitions[name]
    }
    if "devel" in found:
        curves.devel.append(found["devel"].numpy().astype(np.float16))
        curves.devel_uar.append(
            uar(curves.devel[0], np.array(task.labels["devel"], dtype=np.int64))
        )
    if "test" in found:
        test = found["test"].numpy().astype(np.float32)
    report(
        {
            "event": "epoch",
            "epoch": 1,
            "epochs": 1,
            "train_loss": loss,
            "devel_uar": curves.devel_uar[-1] if curves.devel_uar else None,
            "seconds": time.monotonic() - started,
            "lr": None,
            "peak_memory_gb": peak_memory_gb(compute.device),
        }
    )
    state = {name: value.detach().clone() for name, value in model.state_dict().items()}
    return curves, state, test, sum(p.numel() for p in model.parameters())


def _save(path: Path, values: NDArray[Any]) -> None:
    buffer = io.BytesIO()
    np.save(buffer, values, allow_pickle=False)
    path.write_bytes(buffer.getvalue())

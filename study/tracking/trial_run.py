"""What of a trial goes to MLflow: names, metrics, tags and artifacts."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from runners.model import load_front_end
from runners.trial import WEIGHTS
from runners.waveforms import Waveforms
from search_spaces.grammar.errors import InputError
from search_spaces.scales import SCALES
from search_spaces.spec import TrialSpec
from search_spaces.suggesters import flat_parameters
from study.files import predictions_csv
from study.metrics import confusion_matrix
from study.metrics.uar import recall_per_class
from study.planning.plan import Plan
from study.planning.preview import preview_png
from study.results.probabilities import load_epoch
from study.results.trial_folder import TrialFolder
from study.results.trial_record import BASELINE
from study.tracking.tracker import TrackedTrial, Tracker

METRICS = {
    "devel_uar": "devel/uar",
    "train_loss": "train/loss",
    "seconds": "time/epoch_s",
    "lr": "train/lr",
    "peak_memory_gb": "gpu/memory_peak_gb",
}


def track_start(tracker: Tracker, number: int, spec: TrialSpec, *, origin: str) -> None:
    """Open the run of a trial, the one it already has if it is resumed."""
    tags = trial_tags(spec, origin=origin)
    tracker.start_trial(number, spec.label, flat_parameters(spec), tags)


def track_end(tracker: Tracker, plan: Plan, folder: TrialFolder, result: Mapping[str, Any]) -> None:
    """End the run of a trial; its files must stay as they are until they are written."""
    tracker.finish_trial(
        folder.number,
        result["state"],
        final_metrics(result),
        result_tags(result),
        final_artifacts(plan, folder, result),
    )


def epoch_metrics(event: Mapping[str, Any]) -> dict[str, float]:
    """Return the metrics of an `epoch` event under the names they have in MLflow."""
    return {name: event[key] for key, name in METRICS.items() if event.get(key) is not None}


def final_metrics(result: Mapping[str, Any]) -> dict[str, float]:
    """Return the metrics of a trial that has ended."""
    values = {
        "devel/uar_best": result["uar"],
        "devel/epoch_best": result["best_epoch"],
        "time/trial_s": result["seconds"],
        "model/parameters": result["n_parameters"],
    }
    return {name: float(value) for name, value in values.items() if value is not None}


def trial_tags(spec: TrialSpec, *, origin: str) -> dict[str, str]:
    """Return what runs can be filtered by from their start."""
    baseline = origin.removeprefix(BASELINE) if origin.startswith(BASELINE) else None
    return {
        "scale": SCALES.name_of(spec.scale),
        "channels": spec.channels.label,
        "backbone": spec.label.split()[-1],
        "family": spec.family,
        "origin": origin,
        "spec_digest": spec.digest,
        "seed": str(spec.seed),
    } | ({"baseline": baseline} if baseline else {})


def result_tags(result: Mapping[str, Any]) -> dict[str, str]:
    """Return what is known of a run once it has ended."""
    tags = {"spectune.attempt": str(result["attempt"])}
    return tags | ({"reason": result["reason"]} if result["reason"] else {})


def final_artifacts(
    plan: Plan, folder: TrialFolder, result: Mapping[str, Any]
) -> Callable[[], dict[str, Any]]:
    """Return what makes spec, picture, confusion matrix and best probabilities as files of a run.

    The picture is drawn at once, since the weights may soon be deleted. The rest, for a large
    corpus a megabyte that takes a tenth of a second, is made where it is called for.
    """
    weights = folder.attempt(result["attempt"]) / WEIGHTS
    picture = folder.path / "input_images.png"
    if weights.exists() and not picture.exists():
        with contextlib.suppress(InputError):  # damaged weights have no picture
            picture.write_bytes(_picture(plan, folder.spec(), weights))
    return partial(_artifacts, plan, folder, result)


def _artifacts(plan: Plan, folder: TrialFolder, result: Mapping[str, Any]) -> dict[str, Any]:
    """Return the files that there are, and what is computed of the best epoch.

    Raises:
        InputError: If the devel probabilities are damaged.
    """
    attempt = folder.attempt(result["attempt"])
    files = {
        "spec.json": folder.path / "spec.json",
        "result.json": folder.path / "result.json",
        "log.txt": attempt / "log.txt",
        "input_images.png": folder.path / "input_images.png",
    }
    artifacts: dict[str, Any] = {name: path for name, path in files.items() if path.exists()}
    devel = attempt / "devel.npy"
    if result["uar"] is None or not devel.exists():
        return artifacts
    labels, classes = np.array(plan.task.labels["devel"]), plan.task.classes
    probabilities = load_epoch(devel, result["best_epoch"], clips=labels.size, classes=len(classes))
    guesses, codes = probabilities.argmax(1), np.arange(len(classes))
    artifacts["confusion_matrix.json"] = {
        "labels": list(classes),
        "rows": "label",
        "columns": "prediction",
        "confusion_matrix": confusion_matrix(labels, guesses, codes).tolist(),
        "recall": [
            None if np.isnan(r) else float(r) for r in recall_per_class(labels, guesses, codes)
        ],
    }
    clips = [plan.cached.corpus.clips[i] for i in plan.task.partitions["devel"]]
    artifacts["predictions_devel.csv"] = predictions_csv(
        [clip.file_name for clip in clips],
        [clip.label or "" for clip in clips],
        classes,
        probabilities.astype(np.float64),
    )
    return artifacts


def _picture(plan: Plan, spec: TrialSpec, weights: Path) -> bytes:
    """Return the images of the first devel clip, as the trained front end makes them."""
    waveforms = Waveforms(
        plan.cached.clips,
        device=torch.device("cpu"),
        clip_seconds=plan.task.clip_seconds,
        pad=plan.task.pad,
    )
    views = waveforms.cover(plan.task.partitions["devel"][:1])
    heard = next(waveforms.batches(views, 1))[0].numpy()
    return preview_png(spec, heard, waveforms.sampling_rate, learnt=load_front_end(weights))


def tracked_trial(plan: Plan, folder: TrialFolder) -> TrackedTrial:
    """Return what MLflow should hold of a trial, as read from its folder."""
    spec, result, events = folder.spec(), folder.result(), folder.events()
    epochs = {e["epoch"]: e for e in events if e.get("event") == "epoch"}
    ends = [e["time"] for e in events if e.get("event") == "end"]
    starts = [e["time"] for e in events if e.get("event") == "start"]
    if result is None:
        return TrackedTrial(folder.number, spec.label, "running", flat_parameters(spec))
    return TrackedTrial(
        folder.number,
        spec.label,
        result["state"],
        flat_parameters(spec),
        {n: epoch_metrics(e) for n, e in epochs.items()},
        final_metrics(result),
        trial_tags(spec, origin=folder.origin()) | result_tags(result),
        final_artifacts(plan, folder, result),
        min(starts, default=None),
        max(ends, default=None),
        {n: e["time"] for n, e in epochs.items()},
    )

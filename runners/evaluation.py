"""A network's predictions of clips, and the metrics of an epoch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from runners.device import Compute
from runners.model import Classifier
from runners.waveforms import Views, Waveforms
from search_spaces.front_end.front_end import FrontEnd

EVAL_BATCH = 256
KEPT_BYTES = 2**27  # of devel images that a CPU keeps from epoch to epoch


@dataclass
class Curves:
    """What an epoch left, epoch by epoch."""

    train_loss: list[float] = field(default_factory=list)
    devel_uar: list[float] = field(default_factory=list)
    devel: list[NDArray[np.float16]] = field(default_factory=list)  # (clips, classes) each
    best_epoch: int = 0  # from 1, the epoch whose weights are kept; 0 before the first
    keep: str = "best"  # or last

    def keeps_latest(self) -> bool:
        """Whether the weights of the latest epoch replace those that are kept."""
        best = self.best_epoch
        if self.keep == "last":
            return True
        return not best or self.devel_uar[-1] > self.devel_uar[best - 1]


def uar(probabilities: NDArray[Any], labels: NDArray[np.int64]) -> float:
    """Return the unweighted average recall of the most probable classes, over classes present.

    >>> uar(np.array([[0.9, 0.1], [0.4, 0.6], [0.7, 0.3]]), np.array([0, 1, 1]))
    0.75
    """
    correct = probabilities.argmax(1) == labels
    totals = np.bincount(labels)
    recalls = np.bincount(labels, weights=correct)[totals > 0] / totals[totals > 0]
    return float(recalls.mean())


@torch.inference_mode()
def predict(
    model: Classifier,
    waveforms: Waveforms,
    views: Views,
    compute: Compute,
    *,
    batch: int = EVAL_BATCH,
    alive: Callable[[], None] = lambda: None,
    kept: list[Tensor] | None = None,
) -> Tensor:
    """Return probabilities per clip (clips, classes), averaged over each clip's windows.

    Args:
        model: Waveforms (windows, samples) to logits (windows, classes).
        waveforms: The corpus.
        views: Windows of the clips.
        compute: How.
        batch: Windows at a time.
        alive: Called at every batch; tells the engine that the process does not hang.
        kept: The windows' images, batch by batch; made and put there if it is empty.
    """
    model.eval()
    parts, made = [], []

    def images() -> Iterator[Tensor]:
        for one in kept or ():
            alive()
            yield one
        if not kept:
            for waves in waveforms.batches(views, batch, alive=alive):
                yield model.front_end(waves)

    for one in images():
        with autocast(compute):
            logits = model.backbone(one)
        parts.append(logits.float().softmax(1))
        if kept is not None:
            made.append(one)
    if kept is not None:
        kept[:] = made
    return views.average(torch.cat(parts))


def kept_images(front_end: FrontEnd, waveforms: Waveforms, views: Views) -> list[Tensor] | None:
    """Return the list in which `predict` keeps images from epoch to epoch, or None.

    On a CPU, where a front end takes as long as a small network; if it does not learn, and the
    images are few.
    """
    if waveforms.device.type != "cpu" or any(True for _ in front_end.parameters()):
        return None
    with torch.inference_mode():
        image: Tensor = front_end(torch.zeros(1, waveforms.length))
    return [] if len(views.clips) * image.numel() * image.element_size() <= KEPT_BYTES else None


def autocast(compute: Compute) -> AbstractContextManager[Any]:
    """Return the autocast context of a compute decision."""
    return torch.autocast(
        compute.device.type, dtype=compute.autocast, enabled=compute.autocast is not None
    )


def forget_peak_memory(device: torch.device) -> None:
    """Count the peak of memory held on a GPU anew: a trial begins."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)


def peak_memory_gb(device: torch.device) -> float | None:
    """Return the peak of memory held on a GPU since the trial began, in GB."""
    if device.type != "cuda":
        return None
    return torch.cuda.max_memory_allocated(device) / 1e9

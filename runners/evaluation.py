"""A network's predictions of clips, and the metrics of an epoch."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from runners.device import Compute
from runners.waveforms import Views, Waveforms

EVAL_BATCH = 256


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
    model: nn.Module,
    waveforms: Waveforms,
    views: Views,
    compute: Compute,
    *,
    batch: int = EVAL_BATCH,
    alive: Callable[[], None] = lambda: None,
) -> Tensor:
    """Return probabilities per clip (clips, classes), averaged over each clip's windows.

    Args:
        model: Waveforms (windows, samples) to logits (windows, classes).
        waveforms: The corpus.
        views: Windows of the clips.
        compute: How.
        batch: Windows at a time.
        alive: Called at every batch; tells the engine that the process does not hang.
    """
    model.eval()
    parts = []
    for waves in waveforms.batches(views, batch, alive=alive):
        with autocast(compute):
            logits = model(waves)
        parts.append(logits.float().softmax(1))
    return views.average(torch.cat(parts))


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

"""A cross-validation as one fit: a network per fold, trained in step and evaluated together.

The networks go through their schedules epoch by epoch in step, so that the pooled UAR of an epoch
is known when it ends: a cross-validated trial is pruned, checkpointed and reported like any other.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from runners.evaluation import Curves, uar
from runners.job import Task
from runners.model import fold_prefix


class Fit(Protocol):
    """One fit of a spec to a task, which can be left after any epoch and taken up again."""

    curves: Curves

    @property
    def best(self) -> dict[str, Tensor]:
        """The kept weights."""

    @property
    def n_parameters(self) -> int:
        """Number of parameters."""

    def epochs(self) -> Iterator[dict[str, Any]]:
        """Go on; yield `trained`, then `epoch` with its results, for each epoch."""

    def keep(self) -> None:
        """Take the weights of this epoch: they are what the fit will have given."""

    def test(self) -> NDArray[np.float32] | None:
        """Return the kept weights' test probabilities (clips, classes), or None without test."""

    def state(self) -> dict[str, Any]:
        """Return all that `set_state` needs to go on from here."""

    def set_state(self, state: dict[str, Any]) -> bool:
        """Go on from a state; return whether it could be used."""


class CrossValidation:
    """The fits of all folds, which neither choose nor keep an epoch by themselves.

    The objective is the pooled UAR: each clip is predicted by the network of its own fold. Test
    probabilities are the mean over the networks.

    Args:
        fits: One per fold of the task.
        task: With its folds.
    """

    def __init__(self, fits: Sequence[Fit], task: Task) -> None:
        self.fits = tuple(fits)
        self.positions = [np.flatnonzero(np.array(task.folds) == k) for k in range(task.n_folds)]
        self.labels = np.array(task.labels["devel"], dtype=np.int64)
        self.curves = Curves(keep=self.fits[0].curves.keep)

    def epochs(self) -> Iterator[dict[str, Any]]:
        """Train all folds an epoch on; yield what they gave together."""
        started = time.monotonic()
        for events in zip(*(fit.epochs() for fit in self.fits), strict=True):
            if events[0]["event"] == "trained":
                yield events[0]
                continue
            self._pool(events[0]["epoch"] - 1, float(np.mean([e["train_loss"] for e in events])))
            if self.curves.keeps_latest():
                self.keep()
            memory = [event["peak_memory_gb"] for event in events]
            yield events[0] | {
                "train_loss": self.curves.train_loss[-1],
                "devel_uar": self.curves.devel_uar[-1],
                "seconds": time.monotonic() - started,
                "peak_memory_gb": None if None in memory else max(memory),
            }
            started = time.monotonic()

    def _pool(self, epoch: int, loss: float) -> None:
        """Put the folds' devel probabilities of an epoch (from 0) together."""
        parts = [fit.curves.devel[epoch] for fit in self.fits]
        pooled = np.empty((len(self.labels), parts[0].shape[1]), dtype=np.float16)
        for positions, part in zip(self.positions, parts, strict=True):
            pooled[positions] = part
        self.curves.train_loss.append(loss)
        self.curves.devel.append(pooled)
        self.curves.devel_uar.append(uar(pooled, self.labels))

    def keep(self) -> None:
        """Take the weights of this epoch of every fold."""
        for fit in self.fits:
            fit.keep()
        self.curves.best_epoch = len(self.curves.devel)

    @property
    def best(self) -> dict[str, Tensor]:
        """The kept weights of all folds, each after its `fold_prefix`."""
        return {
            fold_prefix(k) + name: tensor
            for k, fit in enumerate(self.fits)
            for name, tensor in fit.best.items()
        }

    @property
    def n_parameters(self) -> int:
        """Parameters of all networks together."""
        return sum(fit.n_parameters for fit in self.fits)

    def test(self) -> NDArray[np.float32] | None:
        """Return the folds' mean test probabilities (clips, classes), or None without test."""
        found = [test for fit in self.fits if (test := fit.test()) is not None]
        return np.stack(found).mean(0, dtype=np.float64).astype(np.float32) if found else None

    def state(self) -> dict[str, Any]:
        """Return the states of all folds; the pooled curves follow from them."""
        return {
            "folds": [fit.state() for fit in self.fits],
            "train_loss": self.curves.train_loss,
            "best_epoch": self.curves.best_epoch,
        }

    def set_state(self, state: dict[str, Any]) -> bool:
        """Go on from a state; return whether it could be used."""
        folds = state.get("folds", [])
        if len(folds) != len(self.fits):
            return False
        if not all(fit.set_state(one) for fit, one in zip(self.fits, folds, strict=True)):
            return False
        for epoch, loss in enumerate(state["train_loss"]):
            self._pool(epoch, loss)
        self.curves.best_epoch = state["best_epoch"]
        return True

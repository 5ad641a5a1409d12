"""Training one network: the loop, without waiting for the device inside an epoch."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from runners.checkpoint import random_state, set_random_state
from runners.device import Compute
from runners.job import Job, Task
from runners.model import make_classifier
from runners.waveforms import Views, Waveforms
from search_spaces.augment import ImageAugmentation, MixAugmentation, WaveformAugmentation

__all__ = ["Curves", "NonFiniteLossError", "Training", "class_weights", "predict", "uar"]

EVAL_BATCH = 256
FIT_CLIPS = 2000  # training clips that the statistics of `normalize: band` are taken from


class NonFiniteLossError(ArithmeticError):
    """The loss became NaN or infinite; the trial has failed."""


@dataclass
class Curves:
    """What an epoch left, epoch by epoch."""

    train_loss: list[float] = field(default_factory=list)
    devel_uar: list[float] = field(default_factory=list)
    devel: list[NDArray[np.float16]] = field(default_factory=list)  # (clips, classes) each
    best_epoch: int = 0  # from 1; 0 before the first

    def is_best(self) -> bool:
        """Whether the last epoch beats the best one before."""
        best = self.best_epoch
        return not best or self.devel_uar[-1] > self.devel_uar[best - 1]


def uar(probabilities: NDArray[Any], labels: NDArray[np.int64]) -> float:
    """Return the unweighted average recall of the most probable classes, over classes present.

    >>> uar(np.array([[0.9, 0.1], [0.4, 0.6], [0.7, 0.3]]), np.array([0, 1, 1]))
    0.75
    """
    hits = probabilities.argmax(1) == labels
    totals = np.bincount(labels)
    recalls = np.bincount(labels, weights=hits)[totals > 0] / totals[totals > 0]
    return float(recalls.mean())


def class_weights(labels: Tensor, n_classes: int) -> Tensor:
    """Return the inverse class frequencies, scaled so that their mean over the clips is 1."""
    counts = torch.bincount(labels, minlength=n_classes).float()
    return len(labels) / (counts.clamp_min(1) * (counts > 0).sum())


@torch.inference_mode()
def predict(
    model: nn.Module,
    waveforms: Waveforms,
    views: Views,
    compute: Compute,
    *,
    batch: int = EVAL_BATCH,
) -> Tensor:
    """Return probabilities per clip (clips, classes), averaged over each clip's windows."""
    model.eval()
    parts = []
    for waves in waveforms.batches(views, batch):
        with autocast(compute):
            logits = model(waves)
        parts.append(logits.float().softmax(1))
    return views.average(torch.cat(parts))


def autocast(compute: Compute) -> AbstractContextManager[Any]:
    """Return the autocast context of a compute decision."""
    return torch.autocast(
        compute.device.type, dtype=compute.autocast, enabled=compute.autocast is not None
    )


class Training:
    """One network in training, which can be stopped after any epoch and taken up again.

    Args:
        job: What to train.
        task: On what.
        waveforms: The corpus, on the device.
        compute: How.
        alive: Called at every step; tells the engine that the process does not hang.
        chooses: Whether it keeps the weights of its own best epoch; otherwise its owner calls
            `keep` (the folds of a cross-validation are judged together).
    """

    def __init__(
        self,
        job: Job,
        task: Task,
        waveforms: Waveforms,
        compute: Compute,
        *,
        alive: Callable[[], None] = lambda: None,
        chooses: bool = True,
    ) -> None:
        spec, device = job.spec, compute.device
        self.chooses = chooses
        self.job, self.spec, self.compute, self.waveforms = job, spec, compute, waveforms
        self.alive = alive
        self.classes = len(task.classes)
        self.train_clips = torch.tensor(task.partitions["train"], device=device)
        self.train_labels = torch.tensor(task.labels["train"], device=device)
        self.devel_labels = np.array(task.labels["devel"], dtype=np.int64)
        self.views = {
            name: waveforms.cover(task.partitions[name])
            for name in ("devel", "test")
            if task.partitions[name]
        }
        self.generator = torch.Generator(device).manual_seed(spec.seed)
        self.model = make_classifier(
            spec,
            sampling_rate=waveforms.sampling_rate,
            n_samples=waveforms.length,
            n_classes=self.classes,
            weights=Path(job.weights) if job.weights else None,
        ).to(device)
        self._fit_front_end(task)
        if compute.channels_last:
            self.model = self.model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.weights = (
            class_weights(self.train_labels, self.classes) if spec.recipe.class_balance else None
        )
        self.steps = max(1, len(self.train_clips) // spec.recipe.batch)
        self.optimizer = spec.optimizer.make(self.model.parameters(), fused=compute.fused)
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.optimizer,
            max_lr=spec.optimizer.lr,
            total_steps=spec.recipe.epochs * self.steps + 1,
            pct_start=spec.recipe.warmup,
            cycle_momentum=False,
        )
        self.epoch = 0
        self.curves = Curves()
        self.best: dict[str, Tensor] = {}

    def _fit_front_end(self, task: Task) -> None:
        train = task.partitions["train"]
        stride = max(1, len(train) // FIT_CLIPS)
        views = self.waveforms.cover(train[::stride])
        if self.spec.image.normalize == "band":
            self.model.front_end.fit(list(self.waveforms.batches(views, EVAL_BATCH)))

    @property
    def n_parameters(self) -> int:
        """Number of parameters."""
        return sum(p.numel() for p in self.model.parameters())

    def epochs(self) -> Iterator[dict[str, Any]]:
        """Train on; yield what each epoch gave, after the best weights are taken.

        The caller may stop between two epochs. Before an epoch's result counts, the caller of
        `before_evaluation` may still stop: a verdict on the epoch before is awaited there.

        Raises:
            NonFiniteLossError: If the loss of an epoch is not finite.
        """
        last = self.job.last_epoch or self.spec.recipe.epochs
        while self.epoch < last:
            started = time.monotonic()
            loss = self._train_epoch()
            if not np.isfinite(loss):
                raise NonFiniteLossError(f"loss is {loss} in epoch {self.epoch + 1}")
            yield {"event": "trained", "epoch": self.epoch + 1}
            self.epoch += 1
            self.curves.train_loss.append(loss)
            if "devel" in self.views:
                self._evaluate()
            elif self.chooses:
                self.keep()
            yield {
                "event": "epoch",
                "epoch": self.epoch,
                "epochs": self.spec.recipe.epochs,
                "train_loss": loss,
                "devel_uar": self.curves.devel_uar[-1] if self.curves.devel_uar else None,
                "seconds": time.monotonic() - started,
                "lr": self.schedule.get_last_lr()[0],
                "peak_memory_gb": peak_memory_gb(self.compute.device),
            }

    def _train_epoch(self) -> float:
        """Return the mean loss of one pass over the training clips in a new random order."""
        self.model.train()
        batch = self.spec.recipe.batch
        device = self.compute.device
        order = torch.randperm(len(self.train_clips), generator=self.generator, device=device)
        total = torch.zeros((), device=device)
        for step in range(self.steps):
            self.alive()
            total += self._step(order[step * batch : (step + 1) * batch])
            self.schedule.step()
        return float(total) / self.steps

    def _step(self, chosen: Tensor) -> Tensor:
        """Make one optimiser step, in micro-batches if asked; return the loss, still on device."""
        images, targets = self._batch(chosen)
        total = torch.zeros((), device=self.compute.device)
        self.optimizer.zero_grad(set_to_none=True)
        for part in torch.arange(len(chosen), device="cpu").chunk(self.job.accumulate):
            rows = slice(int(part[0]), int(part[-1]) + 1)
            with autocast(self.compute):
                logits = self.model.backbone(images[rows])
            loss = F.cross_entropy(
                logits.float(),
                targets[rows],
                weight=self.weights,
                label_smoothing=self.spec.recipe.label_smoothing,
            ) * (len(part) / len(chosen))
            loss.backward()  # type: ignore[no-untyped-call]
            total += loss.detach()
        self.optimizer.step()
        return total

    def _batch(self, chosen: Tensor) -> tuple[Tensor, Tensor]:
        """Return augmented images and targets (clips, classes) of training clips."""
        waves = self.waveforms.random(self.train_clips[chosen], generator=self.generator)
        targets = F.one_hot(self.train_labels[chosen], self.classes).float()
        rate = self.waveforms.sampling_rate
        for augmentation in self.spec.augment:
            if isinstance(augmentation, WaveformAugmentation):
                waves = augmentation.waveforms(waves, sampling_rate=rate, generator=self.generator)
        images = self.model.front_end(waves)
        for augmentation in self.spec.augment:
            if isinstance(augmentation, ImageAugmentation):
                images = augmentation.images(images, generator=self.generator)
            elif isinstance(augmentation, MixAugmentation):
                images, targets = augmentation.mix(images, targets, generator=self.generator)
        if self.compute.channels_last:
            images = images.contiguous(memory_format=torch.channels_last)
        return images, targets

    def _evaluate(self) -> None:
        """Take the devel probabilities of this epoch, and the weights if it is the best so far."""
        probabilities = predict(self.model, self.waveforms, self.views["devel"], self.compute)
        # Rounded first: the UAR told is the UAR of what is stored.
        stored = probabilities.cpu().numpy().astype(np.float16)
        self.curves.devel.append(stored)
        self.curves.devel_uar.append(uar(stored, self.devel_labels))
        if self.chooses and self.curves.is_best():
            self.keep()

    def keep(self) -> None:
        """Take the weights of this epoch: they are what the training will have given."""
        self.curves.best_epoch = self.epoch
        self.best = {
            name: value.detach().clone() for name, value in self.model.state_dict().items()
        }

    def test(self) -> NDArray[np.float32] | None:
        """Return the best epoch's test probabilities (clips, classes), or None without test."""
        self.model.load_state_dict(self.best)
        if "test" not in self.views:
            return None
        found = predict(self.model, self.waveforms, self.views["test"], self.compute)
        return found.cpu().numpy().astype(np.float32)

    def state(self) -> dict[str, Any]:
        """Return all that `set_state` needs to go on from here, for a checkpoint."""
        return {
            "digest": self.spec.digest,
            "seed": self.spec.seed,
            "epoch": self.epoch,
            "model": self.model.state_dict(),
            "best": self.best,
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "generator": self.generator.get_state(),
            "random": random_state(self.compute.device),
            "train_loss": self.curves.train_loss,
            "devel_uar": self.curves.devel_uar,
            "best_epoch": self.curves.best_epoch,
            "devel": [torch.from_numpy(epoch) for epoch in self.curves.devel],
        }

    def set_state(self, state: dict[str, Any]) -> bool:
        """Go on from a state of this very spec; return whether it could be used."""
        if (state["digest"], state["seed"]) != (self.spec.digest, self.spec.seed):
            return False
        self.model.load_state_dict(state["model"])
        self.best = {name: value.to(self.compute.device) for name, value in state["best"].items()}
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        self.generator.set_state(state["generator"])
        set_random_state(state["random"], self.compute.device)
        self.epoch = state["epoch"]
        self.curves = Curves(
            list(state["train_loss"]),
            list(state["devel_uar"]),
            [epoch.numpy() for epoch in state["devel"]],
            state["best_epoch"],
        )
        return True


def peak_memory_gb(device: torch.device) -> float | None:
    """Return the peak of memory held on a GPU since the trial began, in GB."""
    if device.type != "cuda":
        return None
    return torch.cuda.max_memory_allocated(device) / 1e9

"""Training one network: the loop, without waiting for the device inside an epoch."""

from __future__ import annotations

import math
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

from runners.averaging import WeightAverage
from runners.checkpoint import random_state, set_random_state
from runners.device import Compute
from runners.job import Job, Task
from runners.model import Classifier, make_classifier
from runners.waveforms import Views, Waveforms
from search_spaces.augment import ImageAugmentation, MixAugmentation, WaveformAugmentation
from search_spaces.backbones import Timm, head_parameters, likes_channels_last
from search_spaces.front_end import FrontEnd
from search_spaces.recipe import NoAveraging, make_schedule

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
        self.channels_last = compute.channels_last and likes_channels_last(spec.backbone)
        if self.channels_last:
            self.model = self.model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.clip_weights = 1 / torch.bincount(self.train_labels).float()[self.train_labels]
        self.weights = self._class_weights()
        self.steps = max(1, len(self.train_clips) // spec.recipe.batch)
        steps, epochs = spec.recipe.epochs * self.steps, spec.recipe.epochs
        self.optimizer = spec.optimizer.make(self._parameters(), fused=compute.fused)
        self.schedule = make_schedule(
            spec.recipe.schedule, self.optimizer, steps=steps, warmup=spec.recipe.warmup
        )
        self.average = (
            None
            if isinstance(spec.averaging, NoAveraging)
            else WeightAverage(self.model, spec.averaging, steps=steps, epochs=epochs)
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

    def _class_weights(self) -> Tensor | None:
        recipe = self.spec.recipe
        if not recipe.class_balance or recipe.sampling == "balanced":
            return None  # classes that come equally often need no weights
        return class_weights(self.train_labels, self.classes)

    def _parameters(self) -> list[nn.Parameter] | list[dict[str, Any]]:
        """Return what is optimised: the body apart, where it has a rate of its own."""
        self.body: list[nn.Parameter] = []
        backbone, everything = self.spec.backbone, list(self.model.parameters())
        if not isinstance(backbone, Timm) or not backbone.tuned:
            return everything
        head = {id(parameter) for parameter in head_parameters(self.model.backbone)}
        self.body = [p for p in self.model.backbone.parameters() if id(p) not in head]
        body = {id(parameter) for parameter in self.body}
        rate = self.spec.optimizer.lr
        return [
            {"params": [p for p in everything if id(p) not in body], "lr": rate},
            {"params": self.body, "lr": rate * backbone.body_lr},
        ]

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
            if self.average is not None:
                with autocast(self.compute):
                    self.average.after_epoch(self.epoch, self._refresh_batches())
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
        """Return the mean loss of one pass over as many clips as there are to train on."""
        self._thaw()
        batch = self.spec.recipe.batch
        order = self._order()
        total = torch.zeros((), device=self.compute.device)
        for step in range(self.steps):
            self.alive()
            total += self._step(order[step * batch : (step + 1) * batch])
            self.schedule.step()
            if self.average is not None:
                self.average.after_step()
        return float(total) / self.steps

    def _thaw(self) -> None:
        """Set the network to train: in the first epochs perhaps its head alone.

        A frozen body keeps its BatchNorm statistics too, and drops nothing.
        """
        self.model.train()
        frozen = self._frozen(self.epoch + 1)
        for parameter in self.body:
            parameter.requires_grad_(not frozen)
        if frozen:
            self.model.backbone.eval()

    def _frozen(self, epoch: int) -> bool:
        """Return whether the head alone is trained in an epoch, from 1."""
        backbone = self.spec.backbone
        if not self.body or not isinstance(backbone, Timm):
            return False
        return epoch <= math.ceil(backbone.freeze * self.spec.recipe.epochs)

    def _order(self) -> Tensor:
        """Return the training clips of an epoch: all in a new order, or classes equally often."""
        n, device = len(self.train_clips), self.compute.device
        if self.spec.recipe.sampling == "balanced":
            return torch.multinomial(
                self.clip_weights, n, replacement=True, generator=self.generator
            )
        return torch.randperm(n, generator=self.generator, device=device)

    def _step(self, chosen: Tensor) -> Tensor:
        """Make one optimiser step, in micro-batches if asked; return the loss, still on device."""
        made, targets = self._batch(chosen, self.generator, self.model.front_end)
        # Micro-batches share one pass through the front end, which may have weights of its own.
        images = made.detach().requires_grad_(made.requires_grad)
        total = torch.zeros((), device=self.compute.device)
        self.optimizer.zero_grad(set_to_none=True)
        for part in torch.arange(len(chosen), device="cpu").chunk(self.job.accumulate):
            rows = slice(int(part[0]), int(part[-1]) + 1)
            with autocast(self.compute):
                logits = self.model.backbone(images[rows])
            loss = self.spec.loss(
                logits.float(),
                targets[rows],
                weight=self.weights,
                label_smoothing=self.spec.recipe.label_smoothing,
            ) * (len(part) / len(chosen))
            loss.backward()  # type: ignore[no-untyped-call]
            total += loss.detach()
        if images.grad is not None:
            made.backward(images.grad)  # type: ignore[no-untyped-call]
        self.optimizer.step()
        return total

    def _refresh_batches(self) -> Iterator[Tensor]:
        """Yield images as in training for the statistics of averaged weights; none if frozen."""
        if self.average is None or self._frozen(self.epoch):
            return
        batch = self.spec.recipe.batch
        generator = torch.Generator(self.compute.device).manual_seed(self.spec.seed + self.epoch)
        n = len(self.train_clips)
        order = torch.randperm(n, generator=generator, device=self.compute.device)
        for step in range(max(1, min(n, FIT_CLIPS) // batch)):
            self.alive()
            chosen = order[step * batch : (step + 1) * batch]
            yield self._batch(chosen, generator, self.average.average.front_end)[0]

    def _batch(
        self, chosen: Tensor, generator: torch.Generator, front_end: FrontEnd
    ) -> tuple[Tensor, Tensor]:
        """Return augmented images and targets (clips, classes) of training clips."""
        waves = self.waveforms.random(self.train_clips[chosen], generator=generator)
        targets = F.one_hot(self.train_labels[chosen], self.classes).float()
        rate = self.waveforms.sampling_rate
        for augmentation in self.spec.augment:
            if isinstance(augmentation, WaveformAugmentation):
                waves = augmentation.waveforms(waves, sampling_rate=rate, generator=generator)
        images = front_end(waves)
        for augmentation in self.spec.augment:
            if isinstance(augmentation, ImageAugmentation):
                images = augmentation.images(images, generator=generator)
            if isinstance(augmentation, MixAugmentation):
                images, targets = augmentation.mix(images, targets, generator=generator)
        if self.channels_last:
            images = images.contiguous(memory_format=torch.channels_last)
        return images, targets

    @property
    def evaluated(self) -> Classifier:
        """The network that is evaluated and kept: the average of weights, where there is one."""
        return self.model if self.average is None else self.average.current

    def _evaluate(self) -> None:
        """Take the devel probabilities of this epoch, and the weights if it is the best so far."""
        network = self.evaluated
        probabilities = predict(network, self.waveforms, self.views["devel"], self.compute)
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
            name: value.detach().clone() for name, value in self.evaluated.state_dict().items()
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
            "average": None if self.average is None else self.average.state(),
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
        if self.average is not None:
            self.average.set_state(state["average"])
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

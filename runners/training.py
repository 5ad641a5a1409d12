"""Training one network: the loop, without waiting for the device inside an epoch."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from runners.averaging import WeightAverage
from runners.batch_norm import FirstStatistics, refresh_batch_norm
from runners.batches import TrainingClips
from runners.checkpoint import load_optimizer, random_state, set_random_state
from runners.device import Compute
from runners.evaluation import (
    EVAL_BATCH,
    Curves,
    autocast,
    kept_images,
    peak_memory_gb,
    predict,
    uar,
)
from runners.faults import NonFiniteLossError
from runners.job import Job, Task
from runners.model import Classifier, make_classifier
from runners.parameter_groups import Tuning
from runners.waveforms import Waveforms
from search_spaces.backbones.backbones import likes_channels_last
from search_spaces.recipe import NoAveraging, make_schedule

FORMAT = 3  # of a checkpoint; another where the same spec would go on to other numbers
FIT_CLIPS = 2000  # training clips that the statistics of `normalize: band` are taken from
REFRESH_BATCHES = 4  # of training, from which BatchNorm statistics are taken for an evaluation


class Training:
    """One network in training, which can be stopped after any epoch and taken up again.

    Args:
        job: What to train.
        task: On what.
        waveforms: The corpus, on the device.
        compute: How.
        alive: Called at every step and batch; tells the engine that the process does not hang.
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
        channels_last = compute.channels_last and likes_channels_last(spec.backbone)
        self.clips = TrainingClips(spec, task, waveforms, channels_last=channels_last)
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
            n_classes=len(task.classes),
            weights=Path(job.weights) if job.weights else None,
        ).to(device)
        self._fit_front_end(task)
        devel = self.views.get("devel")
        self.kept = kept_images(self.model.front_end, waveforms, devel) if devel else None
        if channels_last:
            self.model = self.model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.weights = self.clips.loss_weights()
        epochs = spec.recipe.epochs
        steps = self._steps_until(epochs)
        self.tuning = Tuning(self.model, spec)
        self.statistics = FirstStatistics(self.model)
        self.optimizer = spec.optimizer.make(self.tuning.groups(), fused=compute.fused)
        self.schedule = make_schedule(
            spec.recipe.schedule, self.optimizer, steps=steps, warmup=spec.recipe.warmup
        )
        self.average = (
            None
            if isinstance(spec.averaging, NoAveraging)
            else WeightAverage(self.model, spec.averaging, steps=steps, epochs=epochs)
        )
        self.epoch = 0
        self.curves = Curves(keep=spec.recipe.keep)
        self.best: dict[str, Tensor] = {}

    def _fit_front_end(self, task: Task) -> None:
        train = task.partitions["train"]
        views = self.waveforms.cover(train[:: math.ceil(len(train) / FIT_CLIPS)])
        self.model.front_end.fit(self.waveforms.batches(views, EVAL_BATCH, alive=self.alive))

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
            with autocast(self.compute):
                if self.average is not None:
                    self.average.after_epoch(self.epoch, self._images(self.average.average))
                elif self.spec.recipe.in_steps and ("devel" in self.views or self.epoch == last):
                    images = islice(self._images(self.model), REFRESH_BATCHES)
                    refresh_batch_norm(self.model.backbone, images)
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
        self.tuning.begin_epoch(self.epoch + 1)
        batch, first = self.spec.recipe.batch, self._steps_until(self.epoch)
        steps = self._steps_until(self.epoch + 1) - first
        if self.spec.recipe.in_steps:
            order = self.clips.stretch(first * batch, steps * batch, self.generator)
        else:
            order = self.clips.order(self.generator)
        frozen = self._steps_until(self.tuning.frozen_epochs)
        before = max(0, first - frozen)
        total = torch.zeros((), device=self.compute.device)
        for step in range(steps):
            self.alive()
            self.statistics.begin_step(before + step)
            total += self._step(order[step * batch : (step + 1) * batch])
            self.schedule.step()
            if self.average is not None:
                self.average.after_step()
        return float(total) / steps

    def _steps_until(self, epoch: int) -> int:
        """Return the optimiser steps of the first epochs."""
        return self.spec.recipe.steps_until(epoch, len(self.clips))

    def _step(self, chosen: Tensor) -> Tensor:
        """Make one optimiser step, in micro-batches if asked; return the loss, still on device."""
        front_end = self.model.front_end
        made, targets = self.clips.batch(chosen, front_end, generator=self.generator)
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

    def _images(self, network: Classifier) -> Iterator[Tensor]:
        """Yield images as in training for the BatchNorm statistics of a network; none if frozen.

        While the rate is high, running statistics lag behind the weights: at a third of a training
        they cost ten points of UAR (docs/log.md), and pruning compares trials there.
        """
        if self.tuning.frozen(self.epoch):
            return
        batch = self.spec.recipe.batch
        generator = torch.Generator(self.compute.device).manual_seed(self.spec.seed + self.epoch)
        front_end = network.front_end
        order = self.clips.order(generator)[:FIT_CLIPS]
        for step in range(max(1, len(order) // batch)):
            self.alive()
            chosen = order[step * batch : (step + 1) * batch]
            # As in a step, where autocast is for the network alone.
            with torch.autocast(self.compute.device.type, enabled=False):
                images, _ = self.clips.batch(chosen, front_end, generator=generator)
            yield images

    @property
    def evaluated(self) -> Classifier:
        """The network that is evaluated and kept: the average of weights, where there is one."""
        return self.model if self.average is None else self.average.current

    def _evaluate(self) -> None:
        """Take the devel probabilities of this epoch, and the weights if it is the best so far."""
        network = self.evaluated
        probabilities = self._predict(network, "devel")
        # Rounded first: the UAR told is the UAR of what is stored.
        stored = probabilities.cpu().numpy().astype(np.float16)
        self.curves.devel.append(stored)
        self.curves.devel_uar.append(uar(stored, self.devel_labels))
        if self.chooses and self.curves.keeps_latest():
            self.keep()

    def _predict(self, network: Classifier, partition: str) -> Tensor:
        """Return probabilities (clips, classes), in as much memory as training was left with."""
        batch = max(1, EVAL_BATCH // self.job.accumulate)
        views = self.views[partition]
        kept = self.kept if partition == "devel" else None
        return predict(
            network, self.waveforms, views, self.compute, batch=batch, alive=self.alive, kept=kept
        )

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
        found = self._predict(self.model, "test")
        return found.cpu().numpy().astype(np.float32)

    def state(self) -> dict[str, Any]:
        """Return all that `set_state` needs to go on from here, for a checkpoint."""
        return {
            "format": FORMAT,
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
        ours = FORMAT, self.spec.digest, self.spec.seed
        if (state.get("format"), state["digest"], state["seed"]) != ours:
            return False
        self.model.load_state_dict(state["model"])
        self.best = {name: value.to(self.compute.device) for name, value in state["best"].items()}
        if self.average is not None:
            self.average.set_state(state["average"])
        load_optimizer(self.optimizer, state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        self.generator.set_state(state["generator"])
        set_random_state(state["random"], self.compute.device)
        self.epoch = state["epoch"]
        self.curves = Curves(
            list(state["train_loss"]),
            list(state["devel_uar"]),
            [epoch.numpy() for epoch in state["devel"]],
            state["best_epoch"],
            self.spec.recipe.keep,
        )
        return True

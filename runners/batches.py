"""The clips that a network is trained on: drawn, augmented, made images, batch by batch."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from runners.job import Task
from runners.waveforms import Waveforms
from search_spaces.augment import ImageAugmentation, MixAugmentation, WaveformAugmentation
from search_spaces.front_end.front_end import FrontEnd
from search_spaces.spec import TrialSpec


def class_weights(labels: Tensor, n_classes: int) -> Tensor:
    """Return the inverse class frequencies, scaled so that their mean over the clips is 1."""
    counts = torch.bincount(labels, minlength=n_classes).float()
    return len(labels) / (counts.clamp_min(1) * (counts > 0).sum())


class TrainingClips:
    """The training partition on the device, without waiting for it.

    Args:
        spec: How clips are drawn and augmented.
        task: Which they are.
        waveforms: The corpus, on the device.
        channels_last: Whether images lie channels last.
    """

    def __init__(
        self, spec: TrialSpec, task: Task, waveforms: Waveforms, *, channels_last: bool
    ) -> None:
        self.spec, self.waveforms, self.channels_last = spec, waveforms, channels_last
        self.n_classes = len(task.classes)
        self.positions = torch.tensor(task.partitions["train"], device=waveforms.device)
        self.labels = torch.tensor(task.labels["train"], device=waveforms.device)
        self._draw_weights = 1 / torch.bincount(self.labels).float()[self.labels]

    def __len__(self) -> int:
        return len(self.positions)

    @property
    def balanced(self) -> bool:
        """Whether the classes come equally often."""
        return self.spec.recipe.sampling == "balanced"

    def loss_weights(self) -> Tensor | None:
        """Return the classes' weights in the loss, shape (classes,), if they have any."""
        if not self.spec.recipe.class_balance or self.balanced:
            return None
        return class_weights(self.labels, self.n_classes)

    def order(self, generator: Generator) -> Tensor:
        """Return the clips of a pass: all in a new order, or drawn so that classes balance."""
        if self.balanced:
            return self._balanced(len(self), generator)
        return torch.randperm(len(self), generator=generator, device=self.waveforms.device)

    def stretch(self, first: int, n: int, generator: Generator) -> Tensor:
        """Return the clips from place `first` on of an endless series of passes.

        No clip comes again before all have been seen, wherever a stretch ends; where classes
        balance, they are drawn instead.

        Args:
            first: Clips before them in the training.
            n: How many.
            generator: Of balanced draws; the order of a pass depends on seed and pass alone.
        """
        if self.balanced:
            return self._balanced(n, generator)
        begun = first // len(self)
        passes = [self._pass(k) for k in range(begun, -(-(first + n) // len(self)))]
        return torch.cat(passes)[first - begun * len(self) :][:n]

    def _pass(self, number: int) -> Tensor:
        """Return all clips in the order of a pass, from 0."""
        seed = (self.spec.seed * 65_537 + number) % 2**63
        generator = torch.Generator(self.waveforms.device).manual_seed(seed)
        return torch.randperm(len(self), generator=generator, device=self.waveforms.device)

    def _balanced(self, n: int, generator: Generator) -> Tensor:
        return torch.multinomial(self._draw_weights, n, replacement=True, generator=generator)

    def batch(
        self, chosen: Tensor, front_end: FrontEnd, *, generator: Generator
    ) -> tuple[Tensor, Tensor]:
        """Return augmented images (clips, channels, height, width) and targets (clips, classes)."""
        waves = self.waveforms.random(self.positions[chosen], generator=generator)
        targets = F.one_hot(self.labels[chosen], self.n_classes).float()
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

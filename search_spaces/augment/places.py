"""Where augmentations act."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from torch import Generator, Tensor


@runtime_checkable
class WaveformAugmentation(Protocol):
    """Acts on waveforms."""

    def waveforms(self, x: Tensor, *, sampling_rate: int, generator: Generator) -> Tensor:
        """Return augmented waveforms of the same shape (clips, samples)."""


@runtime_checkable
class ImageAugmentation(Protocol):
    """Acts on images."""

    def images(self, x: Tensor, *, generator: Generator) -> Tensor:
        """Return augmented images of the same shape (clips, channels, height, width)."""


@runtime_checkable
class MixAugmentation(Protocol):
    """Acts on images and targets together."""

    def mix(self, x: Tensor, targets: Tensor, *, generator: Generator) -> tuple[Tensor, Tensor]:
        """Return mixed images and targets (clips, classes), of the same shapes."""

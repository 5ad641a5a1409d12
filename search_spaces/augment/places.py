"""Where augmentations act, and the rule that all share."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from torch import Generator, Tensor

__all__ = ["ImageAugmentation", "MixAugmentation", "WaveformAugmentation", "within"]


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


def within(low: float, high: float, **values: float) -> None:
    """Check that every value lies in [low, high].

    Raises:
        ValueError: With the rule and the value.
    """
    for name, value in values.items():
        if not low <= value <= high:
            raise ValueError(f"{name} must be in [{low:g}, {high:g}], got {name}={value!r}")

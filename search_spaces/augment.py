"""Augmentation, batched on the device, with parameters drawn per clip from an explicit generator.

An augmentation is a frozen dataclass with a probability `p` per clip and one method, by where it
acts: `waveforms` (clips, samples), `images` (clips, channels, height, width, low frequency first),
or `mix` (images and targets together). None of them waits for the device.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from search_spaces.kinds import at_least

__all__ = [
    "AUGMENTATIONS",
    "FrequencyMask",
    "Gain",
    "ImageAugmentation",
    "MixAugmentation",
    "Mixup",
    "Noise",
    "Shift",
    "Speed",
    "TimeMask",
    "WaveformAugmentation",
]


@runtime_checkable
class WaveformAugmentation(Protocol):
    """Acts on waveforms."""

    def waveforms(self, x: Tensor, *, sampling_rate: int, generator: Generator) -> Tensor:
        """Return augmented waveforms of the same shape (clips, samples)."""


@runtime_checkable
class ImageAugmentation(Protocol):
    """Acts on images."""

    def images(self, x: Tensor, *, generator: Generator) -> Tensor:
        """Return augmented images of the same shape."""


@runtime_checkable
class MixAugmentation(Protocol):
    """Acts on images and targets together."""

    def mix(self, x: Tensor, targets: Tensor, *, generator: Generator) -> tuple[Tensor, Tensor]:
        """Return mixed images and targets (clips, classes), of the same shapes."""


def _uniform(n: int, low: float, high: float, x: Tensor, generator: Generator) -> Tensor:
    """Return n numbers in [low, high) on the device of `x`."""
    return low + (high - low) * torch.rand(n, generator=generator, device=x.device)


def _chosen(p: float, x: Tensor, generator: Generator) -> Tensor:
    """Return which clips are augmented, shape (clips,)."""
    return torch.rand(len(x), generator=generator, device=x.device) < p


def _check_p(p: float) -> None:
    if not 0 <= p <= 1:
        raise ValueError(f"p must be in [0, 1], got p={p!r}")


@dataclass(frozen=True)
class Shift:
    """Rotate the clip in time by up to `max_ms` either way."""

    p: float = 1.0
    max_ms: float = 100.0

    def __post_init__(self) -> None:
        _check_p(self.p)
        at_least(0, max_ms=self.max_ms)

    def waveforms(self, x: Tensor, *, sampling_rate: int, generator: Generator) -> Tensor:
        """Return rotated waveforms."""
        n, length = x.shape
        most = self.max_ms * sampling_rate / 1000
        by = _uniform(n, -most, most, x, generator).round().long()
        by = by * _chosen(self.p, x, generator)
        index = (torch.arange(length, device=x.device)[None] - by[:, None]) % length
        return x.gather(1, index)


@dataclass(frozen=True)
class Gain:
    """Scale the clip by up to `max_db` decibels either way."""

    p: float = 1.0
    max_db: float = 6.0

    def __post_init__(self) -> None:
        _check_p(self.p)
        at_least(0, max_db=self.max_db)

    def waveforms(self, x: Tensor, *, sampling_rate: int, generator: Generator) -> Tensor:
        """Return scaled waveforms."""
        db = _uniform(len(x), -self.max_db, self.max_db, x, generator)
        db = db * _chosen(self.p, x, generator)
        return x * (10.0 ** (db / 20))[:, None]


@dataclass(frozen=True)
class Noise:
    """Add white noise at a signal-to-noise ratio drawn between two bounds in dB."""

    p: float = 0.5
    min_snr_db: float = 10.0
    max_snr_db: float = 30.0

    def __post_init__(self) -> None:
        _check_p(self.p)
        if self.min_snr_db > self.max_snr_db:
            raise ValueError(
                f"min_snr_db must be at most max_snr_db={self.max_snr_db:g},"
                f" got min_snr_db={self.min_snr_db!r}"
            )

    def waveforms(self, x: Tensor, *, sampling_rate: int, generator: Generator) -> Tensor:
        """Return noisy waveforms; the noise is scaled to the exact ratio in each clip."""
        noise = torch.randn(x.shape, generator=generator, device=x.device)
        snr_db = _uniform(len(x), self.min_snr_db, self.max_snr_db, x, generator)
        power = x.square().mean(1, keepdim=True)
        noise = noise * (power / noise.square().mean(1, keepdim=True)).sqrt()
        noise = noise * (10.0 ** (-snr_db / 20))[:, None]
        return x + noise * _chosen(self.p, x, generator)[:, None]


@dataclass(frozen=True)
class Speed:
    """Play the clip up to `max_percent` faster or slower: pitch and formants move together."""

    p: float = 0.5
    max_percent: float = 10.0

    def __post_init__(self) -> None:
        _check_p(self.p)
        if not 0 <= self.max_percent <= 50:
            raise ValueError(f"max_percent must be in [0, 50], got {self.max_percent!r}")

    def waveforms(self, x: Tensor, *, sampling_rate: int, generator: Generator) -> Tensor:
        """Return resampled waveforms about the middle; beyond the ends the clip is reflected."""
        n, length = x.shape
        most = self.max_percent / 100
        factor = _uniform(n, -most, most, x, generator) * _chosen(self.p, x, generator) + 1.0
        time = torch.linspace(-1, 1, length, device=x.device)[None] * factor[:, None]
        grid = torch.stack([time, torch.zeros_like(time)], dim=-1)[:, None]
        images = x[:, None, None, :]
        moved = F.grid_sample(images, grid, padding_mode="reflection", align_corners=True)
        return moved[:, 0, 0]


def _strips(
    x: Tensor, size: int, n_masks: int, most: float, chosen: Tensor, generator: Generator
) -> Tensor:
    """Return which of `size` rows or columns stay, shape (clips, size), after `n_masks` strips."""
    n = len(x)
    position = torch.arange(size, device=x.device)[None]
    keep = torch.ones(n, size, dtype=torch.bool, device=x.device)
    for _ in range(n_masks):
        width = _uniform(n, 0, most * size, x, generator)
        start = torch.rand(n, generator=generator, device=x.device) * (size - width)
        inside = (position >= start[:, None]) & (position < (start + width)[:, None])
        keep &= ~(inside & chosen[:, None])
    return keep


@dataclass(frozen=True)
class TimeMask:
    """Blank strips of columns with the image's mean (Park et al. 2019, SpecAugment)."""

    p: float = 0.5
    n_masks: int = 1
    max_fraction: float = 0.2  # of the width, per strip

    def __post_init__(self) -> None:
        _check_mask(self.p, self.n_masks, self.max_fraction)

    def images(self, x: Tensor, *, generator: Generator) -> Tensor:
        """Return masked images."""
        chosen = _chosen(self.p, x, generator)
        keep = _strips(x, x.shape[3], self.n_masks, self.max_fraction, chosen, generator)
        return torch.where(keep[:, None, None, :], x, x.mean((1, 2, 3), keepdim=True))


@dataclass(frozen=True)
class FrequencyMask:
    """Blank strips of rows with the image's mean (Park et al. 2019, SpecAugment)."""

    p: float = 0.5
    n_masks: int = 1
    max_fraction: float = 0.2  # of the height, per strip

    def __post_init__(self) -> None:
        _check_mask(self.p, self.n_masks, self.max_fraction)

    def images(self, x: Tensor, *, generator: Generator) -> Tensor:
        """Return masked images."""
        chosen = _chosen(self.p, x, generator)
        keep = _strips(x, x.shape[2], self.n_masks, self.max_fraction, chosen, generator)
        return torch.where(keep[:, None, :, None], x, x.mean((1, 2, 3), keepdim=True))


def _check_mask(p: float, n_masks: int, max_fraction: float) -> None:
    _check_p(p)
    at_least(1, n_masks=n_masks)
    if not 0 <= max_fraction <= 1:
        raise ValueError(f"max_fraction must be in [0, 1], got max_fraction={max_fraction!r}")


@dataclass(frozen=True)
class Mixup:
    """Blend pairs of images and their targets alike (Zhang et al. 2018).

    The share of a clip is 1 - p u with u ~ U(0, `strength` / 2): the batch's partner order is a
    random permutation and a clip never gives away more than half of itself.
    """

    p: float = 0.5
    strength: float = 1.0

    def __post_init__(self) -> None:
        _check_p(self.p)
        if not 0 <= self.strength <= 1:
            raise ValueError(f"strength must be in [0, 1], got strength={self.strength!r}")

    def mix(self, x: Tensor, targets: Tensor, *, generator: Generator) -> tuple[Tensor, Tensor]:
        """Return blended images and targets."""
        given = _uniform(len(x), 0, self.strength / 2, x, generator)
        given = given * _chosen(self.p, x, generator)
        partner = torch.randperm(len(x), generator=generator, device=x.device)
        a, b = given[:, None, None, None], given[:, None]
        return x + a * (x[partner] - x), targets + b * (targets[partner] - targets)


# In the order in which they act.
AUGMENTATIONS: dict[str, type[Any]] = {
    "speed": Speed,
    "shift": Shift,
    "gain": Gain,
    "noise": Noise,
    "time_mask": TimeMask,
    "frequency_mask": FrequencyMask,
    "mixup": Mixup,
}

"""Moving a clip in time, and playing it faster or slower."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from search_spaces.augment import draws
from search_spaces.augment.places import within
from search_spaces.kinds import at_least

__all__ = ["Shift", "Speed"]


@dataclass(frozen=True)
class Shift:
    """Rotate the clip in time by up to `max_ms` either way."""

    p: float = 1.0
    max_ms: float = 100.0

    def __post_init__(self) -> None:
        within(0, 1, p=self.p)
        at_least(0, max_ms=self.max_ms)

    def waveforms(self, x: Tensor, *, sampling_rate: int, generator: Generator) -> Tensor:
        """Return rotated waveforms (clips, samples)."""
        length = x.shape[1]
        most = self.max_ms * sampling_rate / 1000
        by = draws.uniform(x, -most, most, generator=generator).round().long()
        by = by * draws.chosen(x, self.p, generator=generator)
        index = (torch.arange(length, device=x.device)[None] - by[:, None]) % length
        return x.gather(1, index)


@dataclass(frozen=True)
class Speed:
    """Play the clip up to `max_percent` faster or slower: pitch and formants move together."""

    p: float = 0.5
    max_percent: float = 10.0

    def __post_init__(self) -> None:
        within(0, 1, p=self.p)
        within(0, 50, max_percent=self.max_percent)

    def waveforms(self, x: Tensor, *, sampling_rate: int, generator: Generator) -> Tensor:
        """Return resampled waveforms about the middle; beyond the ends the clip is reflected."""
        most = self.max_percent / 100
        factor = draws.uniform(x, -most, most, generator=generator)
        factor = factor * draws.chosen(x, self.p, generator=generator) + 1.0
        return play(x, factor)


def play(x: Tensor, factor: Tensor) -> Tensor:
    """Return waveforms (clips, samples) played `factor` (clips,) times as fast.

    Interpolates linearly; the middle of the clip stays where it is.
    """
    time = torch.linspace(-1, 1, x.shape[1], device=x.device)[None] * factor[:, None]
    grid = torch.stack([time, torch.zeros_like(time)], dim=-1)[:, None]
    moved = F.grid_sample(x[:, None, None], grid, padding_mode="reflection", align_corners=True)
    return moved[:, 0, 0]

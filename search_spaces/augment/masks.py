"""Blanking parts of images."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Generator, Tensor

from search_spaces.augment import draws
from search_spaces.grammar.kinds import at_least, within


def inside(size: int, start: Tensor, width: Tensor) -> Tensor:
    """Return which of `size` pixels lie in [start, start + width), shape (clips, size)."""
    position = torch.arange(size, device=start.device)[None]
    return (position >= start[:, None]) & (position < (start + width)[:, None])


def _blanked(x: Tensor, blank: Tensor) -> Tensor:
    """Return images with pixels set to their channel's mean: channels may be of unlike units.

    A blend, which a CPU makes in a third of the time of a choice where a row lies in one piece.
    """
    share = blank.to(x.dtype).expand(-1, -1, -1, x.shape[3]).contiguous()
    return torch.lerp(x, x.mean((2, 3), keepdim=True), share)


@dataclass(frozen=True)
class _Strips:
    p: float = 0.5
    n_masks: int = 1
    max_fraction: float = 0.2  # of the height or width, per strip
    axis: ClassVar[int]

    def __post_init__(self) -> None:
        within("[0, 1]", p=self.p, max_fraction=self.max_fraction)
        within("[1, 64]", n_masks=self.n_masks)

    def images(self, x: Tensor, *, generator: Generator) -> Tensor:
        """Return masked images (clips, channels, height, width)."""
        size = x.shape[self.axis]
        chosen = draws.chosen(x, self.p, generator=generator)[:, None]
        blank = torch.zeros(len(x), size, dtype=torch.bool, device=x.device)
        for _ in range(self.n_masks):
            width = draws.uniform(x, 0, self.max_fraction * size, generator=generator)
            start = draws.uniform(x, 0, 1, generator=generator) * (size - width)
            blank |= inside(size, start, width) & chosen
        return _blanked(x, blank[:, None, None].transpose(3, self.axis))


@dataclass(frozen=True)
class TimeMask(_Strips):
    """Blank strips of columns with each channel's mean (Park et al. 2019, SpecAugment)."""

    axis: ClassVar[int] = 3


@dataclass(frozen=True)
class FrequencyMask(_Strips):
    """Blank strips of rows with each channel's mean (Park et al. 2019, SpecAugment)."""

    axis: ClassVar[int] = 2


@dataclass(frozen=True)
class Erasing:
    """Blank a rectangle with each channel's mean (random erasing, Zhong et al. 2020)."""

    p: float = 0.5
    max_area: float = 0.2  # of the image
    max_aspect: float = 3.0  # of the longer side to the shorter, in shares of height and width

    def __post_init__(self) -> None:
        within("[0, 1]", p=self.p, max_area=self.max_area)
        at_least(1, max_aspect=self.max_aspect)

    def images(self, x: Tensor, *, generator: Generator) -> Tensor:
        """Return images (clips, channels, height, width) with a hole each."""
        area = draws.uniform(x, 0, self.max_area, generator=generator)
        most = math.log(self.max_aspect)
        aspect = torch.exp(draws.uniform(x, -most, most, generator=generator))
        area = area * draws.chosen(x, self.p, generator=generator)
        # A side of the whole image makes the other one the area: no aspect takes more than asked.
        height = (area * aspect).sqrt().clamp(area, torch.ones_like(area))
        width = area / height.clamp_min(1e-6)
        return _blanked(x, box(x, height, width, generator=generator))


def box(x: Tensor, height: Tensor, width: Tensor, *, generator: Generator) -> Tensor:
    """Return where a rectangle lies in each image of `x`, shape (clips, 1, height, width).

    Args:
        x: Images (clips, channels, height, width).
        height: Of the rectangle, as a share of the image's, shape (clips,).
        width: Likewise.
        generator: Draws the place.
    """
    sides = []
    for size, share in ((x.shape[2], height), (x.shape[3], width)):
        start = draws.uniform(x, 0, 1, generator=generator) * (size * (1 - share))
        sides.append(inside(size, start, size * share))
    return (sides[0][:, :, None] & sides[1][:, None, :])[:, None]

"""Bending the time axis of images."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from search_spaces.augment import draws
from search_spaces.augment.rows import on_chosen
from search_spaces.grammar.kinds import within


@dataclass(frozen=True)
class TimeWarp:
    """Move a moment of the image by up to `max_fraction` of its width; the ends stay.

    What lies on either side is stretched or squeezed evenly (after Park et al. 2019, SpecAugment).
    The moment is drawn from the middle half.
    """

    p: float = 0.5
    max_fraction: float = 0.1  # of the width

    def __post_init__(self) -> None:
        within("[0, 1]", p=self.p)
        within("[0, 0.2]", max_fraction=self.max_fraction)

    def images(self, x: Tensor, *, generator: Generator) -> Tensor:
        """Return warped images (clips, channels, height, width)."""
        moment = draws.uniform(x, 0.25, 0.75, generator=generator)
        by = draws.uniform(x, -self.max_fraction, self.max_fraction, generator=generator)
        chosen = draws.chosen(x, self.p, generator=generator)
        return on_chosen(warp, chosen, x, moment, moment + by)


def warp(x: Tensor, origin: Tensor, target: Tensor) -> Tensor:
    """Return images whose moment `origin` has come to `target`, interpolated linearly.

    A warp is one matrix per clip: column t of an image is read between two columns of the old one.

    Args:
        x: Images (clips, channels, height, width).
        origin: Shares of the width, inside (0, 1), shape (clips,).
        target: Likewise.
    """
    n, _, height, width = x.shape
    time = torch.linspace(0, 1, width, device=x.device)[None]
    origin, target = origin[:, None], target[:, None]
    before = time * origin / target
    after = 1 - (1 - time) * (1 - origin) / (1 - target)
    source = torch.where(time < target, before, after) * (width - 1)
    columns = torch.arange(width, device=x.device)[None, :, None]
    weights = (1 - (columns - source[:, None, :]).abs()).clamp_min(0)
    return (x.reshape(n, -1, width) @ weights).view(n, -1, height, width)

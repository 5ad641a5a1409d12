"""Blending pairs of images and their targets."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from search_spaces.augment import draws
from search_spaces.augment.masks import box
from search_spaces.augment.rows import on_chosen
from search_spaces.grammar.kinds import within


@dataclass(frozen=True)
class _Pairs:
    p: float = 0.5
    strength: float = 1.0

    def __post_init__(self) -> None:
        within("[0, 1]", p=self.p, strength=self.strength)


@dataclass(frozen=True)
class Mixup(_Pairs):
    """Blend pairs of images and their targets alike (Zhang et al. 2018).

    The share of a clip is 1 - p u with u ~ U(0, `strength` / 2): the batch's partner order is a
    random permutation and a clip never gives away more than half of itself.
    """

    def mix(self, x: Tensor, targets: Tensor, *, generator: Generator) -> tuple[Tensor, Tensor]:
        """Return blended images and targets."""
        given = draws.uniform(x, 0, self.strength / 2, generator=generator)
        chosen = draws.chosen(x, self.p, generator=generator)
        partner = draws.permutation(x, generator=generator)

        def blended(own: Tensor, partner: Tensor, given: Tensor) -> Tensor:
            return torch.lerp(own, x[partner], given[:, None, None, None])

        mixed = torch.lerp(targets, targets[partner], (given * chosen)[:, None])
        return on_chosen(blended, chosen, x, partner, given), mixed


@dataclass(frozen=True)
class CutMix(_Pairs):
    """Paste a rectangle of another image, and as much of its target (Yun et al. 2019).

    The rectangle has the image's shape and a share u ~ U(0, `strength` / 2) of its area; the
    targets are mixed by the pixels that were pasted.
    """

    def mix(self, x: Tensor, targets: Tensor, *, generator: Generator) -> tuple[Tensor, Tensor]:
        """Return images with a part of others, and targets."""
        area = draws.uniform(x, 0, self.strength / 2, generator=generator)
        chosen = draws.chosen(x, self.p, generator=generator)
        side = (area * chosen).sqrt()
        pasted = box(x, side, side, generator=generator)
        partner = draws.permutation(x, generator=generator)
        given = pasted.float().mean((1, 2, 3))[:, None]
        mixed = torch.lerp(targets, targets[partner], given)

        def cut(own: Tensor, partner: Tensor, pasted: Tensor) -> Tensor:
            return torch.where(pasted, x[partner], own)

        return on_chosen(cut, chosen, x, partner, pasted), mixed

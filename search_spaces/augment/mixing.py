"""Blending pairs of images and their targets."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Generator, Tensor

from search_spaces.augment import draws
from search_spaces.augment.masks import box
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
        kept = 1 - given * draws.chosen(x, self.p, generator=generator)
        partner = draws.permutation(x, generator=generator)
        return _blend(x, partner, kept[:, None, None, None]), _blend(
            targets, partner, kept[:, None]
        )


@dataclass(frozen=True)
class CutMix(_Pairs):
    """Paste a rectangle of another image, and as much of its target (Yun et al. 2019).

    The rectangle has the image's shape and a share u ~ U(0, `strength` / 2) of its area; the
    targets are mixed by the pixels that were pasted.
    """

    def mix(self, x: Tensor, targets: Tensor, *, generator: Generator) -> tuple[Tensor, Tensor]:
        """Return images with a part of others, and targets."""
        area = draws.uniform(x, 0, self.strength / 2, generator=generator)
        side = (area * draws.chosen(x, self.p, generator=generator)).sqrt()
        kept = 1 - box(x, side, side, generator=generator).float()
        partner = draws.permutation(x, generator=generator)
        return _blend(x, partner, kept), _blend(targets, partner, kept.mean((1, 2, 3))[:, None])


def _blend(x: Tensor, partner: Tensor, kept: Tensor) -> Tensor:
    """Return each clip's own with its partner's, whose copy is overwritten."""
    return x.index_select(0, partner).lerp_(x, kept)

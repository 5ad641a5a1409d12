"""What the backbone sees: the size of an image, its normalisation, and which way round it lies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from search_spaces.backbones import BandSvm
from search_spaces.kinds import later, one_of

__all__ = ["FLIPS", "RESAMPLINGS", "Image", "Turned", "turn"]

RESAMPLINGS = ("bilinear", "bicubic", "area", "nearest")
FLIPS = ("none", "frequency", "time", "both")


def _has_size(chosen: Mapping[str, Any]) -> bool:
    return chosen["height"] is not None or chosen["width"] is not None


def _is_seen(chosen: Mapping[str, Any]) -> bool:
    return not isinstance(chosen.get("backbone"), BandSvm)


@dataclass(frozen=True)
class Image:
    """What the backbone sees."""

    height: int | None = None  # pixels along frequency; null: one row a band
    width: int | None = None  # pixels along time; null: one column a frame
    normalize: str = "clip"  # clip: zero mean, unit variance per clip; band: by training statistics
    resample: str = later("bilinear", when=_has_size)  # bilinear and bicubic are antialiased
    flip: str = later("none", when=_is_seen)  # none: low frequency and early time first
    transpose: bool = later(False, when=_is_seen)  # true: time runs along the rows

    def __post_init__(self) -> None:
        for name, pixels in (("height", self.height), ("width", self.width)):
            if pixels is not None and not 8 <= pixels <= 1024:
                raise ValueError(f"{name} must be in [8, 1024] pixels, got {name}={pixels!r}")
        one_of(("clip", "band", "none"), normalize=self.normalize)
        one_of(RESAMPLINGS, resample=self.resample)
        one_of(FLIPS, flip=self.flip)

    def resized(self, images: Tensor) -> Tensor:
        """Return images (clips, channels, bands, frames) in the size that is asked for."""
        rows, columns = images.shape[-2:]
        size = (self.height or rows, self.width or columns)
        if size == (rows, columns):
            return images
        if self.resample in ("bilinear", "bicubic"):
            return F.interpolate(images, size=size, mode=self.resample, antialias=True)
        return F.interpolate(images, size=size, mode=_MODES[self.resample])

    @property
    def is_turned(self) -> bool:
        """Whether the backbone sees it another way round than (frequency, time), low first."""
        return self.transpose or self.flip != "none"


_MODES = {"area": "area", "nearest": "nearest-exact"}


def turn(images: Tensor, image: Image) -> Tensor:
    """Return images (..., frequency, time) flipped and transposed as the backbone sees them.

    >>> import torch
    >>> turn(torch.tensor([[1, 2], [3, 4]]), Image(flip="frequency", transpose=True)).tolist()
    [[3, 1], [4, 2]]
    """
    axes = {"none": [], "frequency": [-2], "time": [-1], "both": [-2, -1]}[image.flip]
    flipped = images.flip(axes) if axes else images
    return flipped.transpose(-2, -1) if image.transpose else flipped


class Turned(nn.Module):
    """A network behind `turn`: images are augmented before it, when their axes are still known.

    Args:
        model: The network.
        image: Which way round it sees images.
    """

    def __init__(self, model: nn.Module, image: Image) -> None:
        super().__init__()
        self.model = model
        self.image = image

    def forward(self, images: Tensor) -> Tensor:
        """Return logits (clips, classes) of images (clips, channels, frequency, time)."""
        logits: Tensor = self.model(turn(images, self.image))
        return logits

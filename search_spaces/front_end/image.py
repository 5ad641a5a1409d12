"""What the backbone sees: the size of an image, its normalisation, and which way round it lies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from search_spaces.backbones.backbones import BandSvm
from search_spaces.front_end.turning import FLIPS, Turned
from search_spaces.grammar.kinds import later, one_of

RESAMPLINGS = ("bilinear", "bicubic", "area", "nearest")


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
    contrast: float = later(1.0)  # of the normalised image; photographs have about 0.5

    def __post_init__(self) -> None:
        for name, pixels in (("height", self.height), ("width", self.width)):
            if pixels is not None and not 8 <= pixels <= 1024:
                raise ValueError(f"{name} must be in [8, 1024] pixels, got {name}={pixels!r}")
        if not 0 < self.contrast <= 100:
            raise ValueError(f"contrast must be in (0, 100], got contrast={self.contrast!r}")
        one_of(("clip", "band", "none"), normalize=self.normalize)
        one_of(RESAMPLINGS, resample=self.resample)
        one_of(tuple(FLIPS), flip=self.flip)

    def resized(self, images: Tensor) -> Tensor:
        """Return images (clips, channels, bands, frames) resized to `height` and `width`."""
        rows, columns = images.shape[-2:]
        size = (self.height or rows, self.width or columns)
        if size == (rows, columns):
            return images
        if self.resample == "bilinear" and size[0] == rows and size[1] > columns:
            # The same numbers: nothing to blur, nothing between rows; on a CPU in half the time.
            lines = F.interpolate(images.flatten(1, 2), size=size[1], mode="linear")
            return lines.view(*images.shape[:3], -1)
        if self.resample in ("bilinear", "bicubic"):
            return F.interpolate(images, size=size, mode=self.resample, antialias=True)
        mode = "nearest-exact" if self.resample == "nearest" else self.resample
        return F.interpolate(images, size=size, mode=mode)

    def seen(self, model: nn.Module) -> nn.Module:
        """Return a network whose input is flipped and transposed as this says."""
        if not self.transpose and self.flip == "none":
            return model
        return Turned(model, flip=self.flip, transpose=self.transpose)

    def seen_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """Return the height and width that a network sees of a size (frequency, time)."""
        return size[::-1] if self.transpose else size

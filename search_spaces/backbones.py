"""Backbones: any timm network by name, and a linear machine on band statistics to compare with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from search_spaces.errors import InputError
from search_spaces.kinds import Dimension, at_least, nearest

__all__ = [
    "BACKBONES",
    "Backbone",
    "BandStatistics",
    "BandSvm",
    "PaddedImages",
    "Timm",
    "band_statistics",
    "check_backbone",
    "family",
]

PATCH_MULTIPLE = 32  # pixels; what networks of one fixed size divide their input by


@dataclass(frozen=True)
class Timm:
    """A timm network trained end to end."""

    name: str
    pretrained: bool | str = False  # true: timm's default weights; a timm tag; a safetensors path
    drop_rate: float = 0.0  # dropout before the classifier

    def __post_init__(self) -> None:
        if not 0 <= self.drop_rate < 1:
            raise ValueError(f"drop_rate must be in [0, 1), got drop_rate={self.drop_rate!r}")

    def make(
        self, *, in_chans: int, n_classes: int, size: tuple[int, int], weights: Path | None
    ) -> nn.Module:
        """Return the network for images of `size` (height, width).

        Args:
            in_chans: Channels of the image; the first layer of pretrained weights is adapted.
            n_classes: Size of the new classifier.
            size: Height and width in pixels; given to those networks that must know.
            weights: The resolved file of pretrained weights, needed if `pretrained` is not false.
        """
        import timm

        name = self.name.split(".")[0]
        options: dict[str, Any] = {"in_chans": in_chans, "num_classes": n_classes}
        if self.drop_rate:
            options["drop_rate"] = self.drop_rate
        if weights is not None:
            options |= {"pretrained": True, "pretrained_cfg_overlay": {"file": str(weights)}}
        padded = tuple(-(-pixels // PATCH_MULTIPLE) * PATCH_MULTIPLE for pixels in size)
        try:
            model: nn.Module = timm.create_model(name, img_size=padded, **options)
        except TypeError as error:
            if "img_size" not in str(error):
                raise
            return timm.create_model(name, **options)  # type: ignore[no-any-return]
        return model if padded == size else PaddedImages(model, padded)


class PaddedImages(nn.Module):
    """A network behind zero padding, for those that take one size only (ViT, Swin and their kin).

    Args:
        model: The network.
        size: The height and width it takes.
    """

    def __init__(self, model: nn.Module, size: tuple[int, ...]) -> None:
        super().__init__()
        self.model = model
        self.size = size

    def forward(self, images: Tensor) -> Tensor:
        """Return logits (clips, classes) of images not larger than `size`."""
        height, width = self.size
        padding = (0, width - images.shape[3], 0, height - images.shape[2])
        logits: Tensor = self.model(F.pad(images, padding))
        return logits


@dataclass(frozen=True)
class BandSvm:
    """Mean and standard deviation of every band over time, standardised, into a linear SVM."""

    c: float = 0.01  # inverse regularisation

    def __post_init__(self) -> None:
        at_least(1e-9, c=self.c)


class BandStatistics(nn.Module):
    """What `BandSvm` fits, as a network: statistics over time, standardised, linear.

    Args:
        n_features: Channels x bands x 2.
        n_classes: Outputs.
    """

    def __init__(self, n_features: int, n_classes: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(n_features, affine=False, eps=1e-8)
        self.linear = nn.Linear(n_features, n_classes)

    def forward(self, images: Tensor) -> Tensor:
        """Return decision values (clips, classes)."""
        logits: Tensor = self.linear(self.norm(band_statistics(images.float())))
        return logits


def band_statistics(images: Tensor) -> Tensor:
    """Return (clips, channels x bands x 2) statistics of (clips, channels, bands, frames)."""
    std, mean = torch.std_mean(images, dim=3, correction=0)
    return torch.cat([mean.flatten(1), std.flatten(1)], dim=1)


Backbone = Timm | BandSvm
BACKBONES = Dimension("backbone", {"band_svm": BandSvm}, other=Timm)


def check_backbone(name: str, *, where: str = "backbone") -> None:
    """Check that timm (or this project) has a backbone of that name.

    Raises:
        InputError: With the nearest known name.
    """
    import timm

    if name in BACKBONES.kinds or timm.is_model(name):
        return
    known = [*BACKBONES.kinds, *timm.list_models()]
    raise InputError(
        f"{where}: unknown backbone {name!r}{nearest(name, known)}; any name of"
        f" timm.list_models() works"
    )


def family(backbone: Backbone) -> str:
    """Return what bags of the fusion are stratified by: `resnet` of `resnet18`.

    >>> family(Timm("resnet18.a1_in1k")), family(Timm("test_resnet")), family(BandSvm())
    ('resnet', 'test_resnet', 'band_svm')
    """
    if isinstance(backbone, BandSvm):
        return "band_svm"
    return backbone.name.split(".")[0].rstrip("0123456789").rstrip("_") or backbone.name

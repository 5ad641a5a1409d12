"""Fitting images to timm networks: which sizes a network takes, tried without computing."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

MULTIPLES = (32, 64)  # pixels; what networks divide their input by


class Fit(NamedTuple):
    """How a network takes images.

    Args:
        size: Height and width that it is given; smaller images are padded.
        named: Whether it must be told the size when it is made (ViT, Swin and their kin).
    """

    size: tuple[int, int]
    named: bool


class PaddedImages(nn.Module):
    """A network behind zero padding, for those that do not take images of every size.

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


def create(name: str, fit: Fit, **options: Any) -> nn.Module:
    """Return the timm network `name` without its tag, made with `img_size` where it takes one."""
    import timm

    if fit.named:
        options["img_size"] = fit.size
    model: nn.Module = timm.create_model(name.split(".")[0], **options)
    return model


@lru_cache(maxsize=1024)
def fit_images(name: str, size: tuple[int, int], options: tuple[tuple[str, Any], ...]) -> Fit:
    """Return how a network takes images of `size`: as they are if it can, else padded.

    The network is made on torch's meta device, which has shapes and no numbers.

    Args:
        name: Of the network in timm.
        size: Height and width in pixels.
        options: Of the network, `in_chans` among them.

    Raises:
        ValueError: If it cannot be made, or takes no such images; with timm's reason.
    """
    given = dict(options)
    named = _is_named(name, given)
    reason = ""
    for padded in _sizes(name, size, named=named):
        fit = Fit(padded, named)
        try:
            with torch.random.fork_rng(devices=[]), torch.device("meta"):
                model = create(name, fit, num_classes=2, **given).eval()
                found = model(torch.zeros(2, given["in_chans"], *padded))
        except (RuntimeError, AssertionError, ValueError, IndexError) as error:
            reason = reason or (str(error).strip().splitlines() or [type(error).__name__])[0]
            continue
        if isinstance(found, Tensor) and found.shape == (2, 2):
            return fit
        reason = reason or "it does not give one number per class"
    raise ValueError(f"{name} takes no images of {size[0]} x {size[1]} pixels: {reason}")


def _is_named(name: str, options: dict[str, Any]) -> bool:
    """Return whether a network is made for one size of images: takes `img_size`."""
    for size in ({"img_size": (224, 224)}, {}):
        try:
            with torch.random.fork_rng(devices=[]), torch.device("meta"):
                create(name, Fit((0, 0), named=False), num_classes=2, **options, **size)
        except TypeError as error:
            unknown = [key for key in (*options, "img_size") if f"'{key}'" in str(error)]
            if not unknown:
                raise
            if unknown[0] != "img_size":
                raise ValueError(f"{name} has no {unknown[0]}") from error
            continue
        return bool(size)
    raise ValueError(f"{name} cannot be made")


def _sizes(name: str, size: tuple[int, int], *, named: bool) -> list[tuple[int, int]]:
    """Return the sizes to try, the smallest first; with `img_size`, multiples of 32 alone."""
    tried = [] if named else [size]
    for multiple in MULTIPLES:
        height, width = (-(-pixels // multiple) * multiple for pixels in size)
        tried += [(height, width), (max(height, width),) * 2]
    own = _own_size(name)
    if own[0] >= size[0] and own[1] >= size[1]:
        tried.append(own)
    return tried


def _own_size(name: str) -> tuple[int, int]:
    """Return the height and width that a network's weights in timm were trained at."""
    from timm.models import get_pretrained_cfg

    cfg = get_pretrained_cfg(name.split(".")[0])
    return (int(cfg.input_size[1]), int(cfg.input_size[2])) if cfg is not None else (0, 0)

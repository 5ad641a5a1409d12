"""Class activation maps of a backbone: LayerCAM of an early stage, HiResCAM of the last.

LayerCAM: Jiang et al. 2021, "LayerCAM: Exploring hierarchical class activation maps for
localization"; HiResCAM: Draelos and Carin 2020, "Use HiResCAM instead of Grad-CAM for faithful
explanations of convolutional neural networks".
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from search_spaces.backbones.backbones import BandStatistics, PaddedImages, band_statistics
from search_spaces.front_end.turning import FLIPS, Turned, turn

LEAST_ROWS = 16  # of a map that is to say something about frequency
# How far the logits of a network's two halves may be from the whole's, as a part of the largest:
# TensorFloat-32 keeps 10 bits of each factor, and kernels need not sum alike.
AGREEMENT = 1e-2


class Stage(NamedTuple):
    """An early stage whose map has enough rows."""

    module: str
    stride: int  # pixels of the image per row
    rows: int  # along frequency, padding included


class Maps(NamedTuple):
    """Maps of a batch, each (clips, rows, columns), and what they explain.

    Args:
        layer: LayerCAM, no value below zero; None without a stage.
        hires: HiResCAM, signed: what speaks for the class, and what against.
        score: The weighted sum of logits that the maps explain, (clips,).
    """

    layer: Tensor | None
    hires: Tensor
    score: Tensor


@torch.no_grad()
def has_maps(backbone: nn.Module, images: Tensor) -> bool:
    """Whether a network is features of two spatial axes and a head that gives its own logits.

    Transformers on a row of patches are not (ViT, mixers); they are explained by occlusion alone.

    Args:
        backbone: As `Timm.make` returns it, in eval mode.
        images: At least one, (clips, channels, height, width).
    """
    seen = Seen.through(backbone, images[:1])
    network = seen.network
    if not hasattr(network, "forward_head"):
        return False
    features = network.forward_features(seen.images)  # type: ignore[operator]
    if not isinstance(features, Tensor) or features.ndim != 4:
        return False
    halves: Tensor = network.forward_head(features.clone())  # type: ignore[operator]
    whole: Tensor = network(seen.images)
    return bool((halves - whole).abs().max() <= AGREEMENT * whole.abs().max())


def find_stage(backbone: nn.Module, images: Tensor) -> Stage | None:
    """Return the stage for LayerCAM: at stride 8 if that has `LEAST_ROWS` rows, else at 4.

    Args:
        backbone: A network that has maps.
        images: At least one, (clips, channels, height, width).

    Returns:
        The nearest there is to it; None where timm names no stage with two spatial axes.
    """
    found = {stage.stride: stage for stage in _stages(Seen.through(backbone, images[:1]))}
    if 8 in found and found[8].rows >= LEAST_ROWS:
        return found[8]
    return next((found[stride] for stride in (4, 8, 2, 16) if stride in found), None)


@torch.enable_grad()
def class_maps(
    backbone: nn.Module, images: Tensor, weights: Tensor, *, stage: Stage | None
) -> Maps:
    """Return the maps of a weighted sum of logits for each clip.

    The sum of a HiResCAM and the head's bias is the score itself where the head is average pooling
    and one linear layer; the gradient is then constant over the map. What lies in the padding of a
    network that pads is left out.

    Args:
        backbone: A network for which `find_stage` found one.
        images: (clips, channels, height, width).
        weights: Of each clip's logits, (clips, classes); one-hot for the logit of a class.
        stage: Where LayerCAM is taken.
    """
    seen = Seen.through(backbone, images)
    network = seen.network
    early: list[Tensor] = []

    def keep(module: nn.Module, inputs: object, output: Tensor) -> Tensor:
        early.append(output.detach().requires_grad_())
        return early[-1].clone()  # what comes next may write in place

    module = network if stage is None else network.get_submodule(stage.module)
    hook = module.register_forward_hook(keep)  # the whole network's is not called below
    try:
        padded = seen.images.detach().requires_grad_(stage is None)
        features: Tensor = network.forward_features(padded)  # type: ignore[operator]
    finally:
        hook.remove()
    logits: Tensor = network.forward_head(features.clone())  # type: ignore[operator]
    score = (logits * weights).sum(1)
    gradients = torch.autograd.grad(score.sum(), [features, *early])
    channels = channel_axis(network)
    hires = (gradients[0] * features).sum(channels).detach()
    layer = None
    if early:
        layer = F.relu((F.relu(gradients[1]) * early[0]).sum(channels)).detach()
    return Maps(None if layer is None else seen.back(layer), seen.back(hires), score.detach())


@torch.no_grad()
def svm_map(backbone: BandStatistics, images: Tensor, weights: Tensor) -> Maps:
    """Return what each band adds to the weighted decision values.

    A linear machine is its own map: the sum over bands and the bias is the score. The maps have a
    column for each channel, as channels may lie on different scales.
    """
    clips, channels, bands, _ = images.shape
    features = backbone.norm(band_statistics(images.float()))
    added = features * (weights @ backbone.linear.weight)
    score = added.sum(1) + weights @ backbone.linear.bias
    return Maps(None, added.reshape(clips, 2, channels, bands).sum(1).transpose(1, 2), score)


class Seen(NamedTuple):
    """timm's own network, the images as it gets them, and how they came to lie so.

    Args:
        network: Without what pads and turns images.
        images: (clips, channels, height, width).
        fractions: Of the height and width it gets that are not padding.
        turned: What turned them; None where nothing did.
    """

    network: nn.Module
    images: Tensor
    fractions: tuple[float, float]
    turned: Turned | None

    @classmethod
    def through(cls, backbone: nn.Module, images: Tensor) -> Seen:
        """Look behind what pads and turns images.

        Args:
            backbone: As `Timm.make` returns it.
            images: (clips, channels, height, width).
        """
        turned, fractions = None, (1.0, 1.0)
        while isinstance(backbone, Turned | PaddedImages):
            if isinstance(backbone, Turned):
                turned = backbone
                images = turn(images, flip=turned.flip, transpose=turned.transpose)
            else:
                height, width = images.shape[2:]
                full_height, full_width = backbone.size
                images = F.pad(images, (0, full_width - width, 0, full_height - height))
                fractions = height / full_height, width / full_width
            backbone = backbone.model
        return cls(backbone, images, fractions, turned)

    @property
    def frequency(self) -> int:
        """The axis of its images along which frequency lies."""
        return 3 if self.turned is not None and self.turned.transpose else 2

    @property
    def upside_down(self) -> bool:
        """Whether frequency falls along that axis."""
        return self.turned is not None and -2 in FLIPS[self.turned.flip]

    def back(self, maps: Tensor) -> Tensor:
        """Return maps (clips, rows, columns) of the image alone, low frequency and time first."""
        height, width = self.fractions
        if height < 1:
            maps = _within(maps.shape[1], height, maps.device) @ maps
        if width < 1:
            maps = maps @ _within(maps.shape[2], width, maps.device).T
        if self.turned is None:
            return maps
        if self.turned.transpose:
            maps = maps.transpose(1, 2)
        return maps.flip(FLIPS[self.turned.flip])


@lru_cache(maxsize=64)
def _within(n: int, fraction: float, device: torch.device) -> Tensor:
    """Return what sums n rows of a map over the rows of its part that is image, (part, n)."""
    edges = torch.linspace(0.0, n * fraction, max(1, round(n * fraction)) + 1)
    low = torch.maximum(edges[:-1, None], torch.arange(n)[None])
    high = torch.minimum(edges[1:, None], torch.arange(1, n + 1)[None])
    return (high - low).clamp_min(0).to(device)


def channel_axis(network: nn.Module) -> int:
    """Return the axis of channels: Swin, MambaOut and others of timm have it last."""
    return -1 if getattr(network, "output_fmt", "NCHW") == "NHWC" else 1


@torch.no_grad()
def _stages(seen: Seen) -> list[Stage]:
    """Return the stages that timm names as features and that have two spatial axes."""
    network, images = seen.network, seen.images
    along = seen.frequency
    outputs: dict[str, object] = {}
    known = dict(network.named_modules())
    named = [d["module"] for d in getattr(network, "feature_info", ()) if d["module"] in known]

    def keep(name: str) -> Callable[[nn.Module, Any, Any], None]:
        return lambda module, inputs, output: outputs.__setitem__(name, output)

    hooks = [known[name].register_forward_hook(keep(name)) for name in named]
    try:
        network(images)
    finally:
        for hook in hooks:
            hook.remove()
    shift = -1 if channel_axis(network) == -1 else 0
    found = []
    for name in named:
        output = outputs.get(name)
        if isinstance(output, Tensor) and output.ndim == 4:
            rows = output.shape[along + shift]
            found.append(Stage(name, round(images.shape[along] / rows), rows))
    return found

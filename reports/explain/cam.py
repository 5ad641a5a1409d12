"""Class activation maps of a backbone: LayerCAM of an early stage, HiResCAM of the last.

LayerCAM: Jiang et al. 2021, "LayerCAM: Exploring hierarchical class activation maps for
localization"; HiResCAM: Draelos and Carin 2020, "Use HiResCAM instead of Grad-CAM for faithful
explanations of convolutional neural networks".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from search_spaces.backbones import BandStatistics, PaddedImages, band_statistics

__all__ = [
    "LEAST_ROWS",
    "Maps",
    "Stage",
    "class_maps",
    "find_stage",
    "has_maps",
    "padded_fraction",
    "svm_map",
]

LEAST_ROWS = 16  # of a map that is to say something about frequency
AGREEMENT = 1e-3  # how far the logits of the two halves of a network may be from the whole's


class Stage(NamedTuple):
    """An early stage whose map has enough rows."""

    module: str
    stride: int  # pixels of the image per row
    rows: int


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
    network, padded = _unwrap(backbone, images[:1])
    if not hasattr(network, "forward_head"):
        return False
    features = network.forward_features(padded)  # type: ignore[operator]
    if not isinstance(features, Tensor) or features.ndim != 4:
        return False
    halves: Tensor = network.forward_head(features.clone())  # type: ignore[operator]
    gap = halves - network(padded)
    return float(gap.abs().max()) <= AGREEMENT


def find_stage(backbone: nn.Module, images: Tensor) -> Stage | None:
    """Return the stage for LayerCAM: at stride 8 if that has `LEAST_ROWS` rows, else at 4.

    Args:
        backbone: A network that has maps.
        images: At least one, (clips, channels, height, width).

    Returns:
        The nearest there is to it; None where timm names no stage with two spatial axes.
    """
    found = {stage.stride: stage for stage in _stages(*_unwrap(backbone, images[:1]))}
    if 8 in found and found[8].rows >= LEAST_ROWS:
        return found[8]
    return next((found[stride] for stride in (4, 8, 2, 16) if stride in found), None)


@torch.enable_grad()
def class_maps(
    backbone: nn.Module, images: Tensor, weights: Tensor, *, stage: Stage | None
) -> Maps:
    """Return the maps of a weighted sum of logits for each clip.

    The sum of a HiResCAM and the head's bias is the score itself where the head is average pooling
    and one linear layer; the gradient is then constant over the map.

    Args:
        backbone: A network for which `find_stage` found one.
        images: (clips, channels, height, width).
        weights: Of each clip's logits, (clips, classes); one-hot for the logit of a class.
        stage: Where LayerCAM is taken.
    """
    network, padded = _unwrap(backbone, images)
    early: list[Tensor] = []

    def keep(module: nn.Module, inputs: object, output: Tensor) -> Tensor:
        early.append(output.detach().requires_grad_())
        return early[-1].clone()  # what comes next may write in place

    module = network if stage is None else network.get_submodule(stage.module)
    hook = module.register_forward_hook(keep)  # the whole network's is not called below
    try:
        padded = padded.detach().requires_grad_(stage is None)
        features: Tensor = network.forward_features(padded)  # type: ignore[operator]
    finally:
        hook.remove()
    logits: Tensor = network.forward_head(features.clone())  # type: ignore[operator]
    score = (logits * weights).sum(1)
    gradients = torch.autograd.grad(score.sum(), [features, *early])
    channels = _channel_axis(network)
    hires = (gradients[0] * features).sum(channels).detach()
    layer = None
    if early:
        layer = F.relu((F.relu(gradients[1]) * early[0]).sum(channels)).detach()
    return Maps(layer, hires, score.detach())


@torch.no_grad()
def svm_map(backbone: BandStatistics, images: Tensor, weights: Tensor) -> Maps:
    """Return what each band adds to the weighted decision values, as maps of one column.

    A linear machine is its own map: the sum over bands and the bias is the score.
    """
    clips, channels, bands, _ = images.shape
    features = backbone.norm(band_statistics(images.float()))
    added = features * (weights @ backbone.linear.weight)
    score = added.sum(1) + weights @ backbone.linear.bias
    return Maps(None, added.reshape(clips, 2, channels, bands).sum((1, 2))[..., None], score)


def padded_fraction(backbone: nn.Module, images: Tensor) -> tuple[float, float]:
    """Return which part of the height and of the width that the network sees is the image's."""
    padded = _unwrap(backbone, images[:1])[1]
    return images.shape[2] / padded.shape[2], images.shape[3] / padded.shape[3]


def _unwrap(backbone: nn.Module, images: Tensor) -> tuple[nn.Module, Tensor]:
    """Return timm's own network and the images as it gets them."""
    if not isinstance(backbone, PaddedImages):
        return backbone, images
    height, width = backbone.size
    padding = (0, width - images.shape[3], 0, height - images.shape[2])
    return backbone.model, F.pad(images, padding)


def _channel_axis(network: nn.Module) -> int:
    """Return the axis of channels: Swin, MambaOut and others of timm have it last."""
    return -1 if getattr(network, "output_fmt", "NCHW") == "NHWC" else 1


@torch.no_grad()
def _stages(network: nn.Module, images: Tensor) -> list[Stage]:
    """Return the stages that timm names as features and that have two spatial axes."""
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
    rows_axis = 1 if _channel_axis(network) == -1 else 2
    found = []
    for name in named:
        output = outputs.get(name)
        if isinstance(output, Tensor) and output.ndim == 4:
            rows = output.shape[rows_axis]
            found.append(Stage(name, round(images.shape[2] / rows), rows))
    return found

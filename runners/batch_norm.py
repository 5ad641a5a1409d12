"""The running statistics of BatchNorm: how they begin, and how they are taken anew."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


class FirstStatistics:
    """Lets running statistics begin as the plain mean over the first batches.

    By itself a layer begins with mean 0 and variance 1 (or those of other images, if it is
    pretrained) and forgets a tenth a step: with six steps an epoch 53 % of them are still there
    when the first epoch is judged, and 28 % after the second.

    Args:
        network: In training; each layer's own momentum takes over where it forgets faster.
    """

    def __init__(self, network: nn.Module) -> None:
        self._layers = [
            (layer, layer.momentum)
            for layer in _layers(network)
            if layer.momentum is not None  # which is a plain mean for ever
        ]

    def begin_step(self, step: int) -> None:
        """Set the layers' momentum at a step (from 0) of those that train them."""
        for layer, own in self._layers:
            layer.momentum = max(own, 1 / (step + 1))


@torch.no_grad()
def refresh_batch_norm(network: nn.Module, batches: Iterable[Tensor]) -> None:
    """Take the statistics of all BatchNorm layers anew: their mean over batches of images.

    As `torch.optim.swa_utils.update_bn`; without a batch they stay.
    """
    layers = _layers(network)
    momenta = [layer.momentum for layer in layers]
    network.eval()
    for n, images in enumerate(batches):
        for layer in layers:
            layer.train()
            layer.momentum = 1 / (n + 1)  # a plain mean over the batches
        network(images)
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum


def _layers(network: nn.Module) -> list[_BatchNorm]:
    """Return the BatchNorm layers that keep running statistics."""
    return [
        layer
        for layer in network.modules()
        if isinstance(layer, _BatchNorm) and layer.running_mean is not None
    ]

"""Which part of an image the rows of a map hear: strided convolutions are not centred on theirs.

A convolution of stride s that pads both sides alike has its row i centred on pixel s * i, half a
row below the middle of the s pixels that are its share of the image; one that does not pad (a
patch embedding) is centred on that middle. What many layers make of it is measured (Araujo et al.
2019, "Computing receptive fields of convolutional neural networks").
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from reports.explain.cam import Seen, channel_axis

N_ROWS = 24  # of the map of the noise that is shown: the middle ones hear neither end of it
N_MEASURED = 6


@torch.enable_grad()
def row_offset(backbone: nn.Module, images: Tensor, module: str | None) -> float:
    """Return how far the rows of a map lie above the middles of equal parts of an image's height.

    Measured as the centre of the squared gradient of a few middle rows, shown noise.

    Args:
        backbone: A network that has maps.
        images: At least one, (clips, channels, height, width); the noise has their size and level.
        module: Whose output the map is of; None: the features that the head gets.

    Returns:
        A share of the height, below zero where rows hear lower frequencies. 0 for a network that
        hears nothing.
    """
    seen = Seen.through(backbone, images[:1])
    shown, energies = _shown(seen, module)
    stride = shown.shape[seen.frequency] / len(energies)
    first = max(0, (len(energies) - N_MEASURED) // 2)
    found = []
    for row in range(first, len(energies) - first):
        heard = _centre(energies[row], shown, seen.frequency)
        if heard is not None:
            found.append(heard - (row + 0.5) * stride)
    if not found:
        return 0.0
    height = seen.images.shape[seen.frequency] * seen.fractions[seen.frequency - 2]
    offset = sum(found) / len(found) / height
    return -offset if seen.upside_down else offset


def _shown(seen: Seen, module: str | None) -> tuple[Tensor, Tensor]:
    """Return noise and what is in each row of its map; high, if the network takes any height."""
    rows = len(_energies(seen, seen.images, module))
    try:
        noise = _noise(seen, n_tiles=-(-N_ROWS // rows))
        return noise, _energies(seen, noise, module)
    except (AssertionError, RuntimeError, ValueError):  # a network of one size
        noise = _noise(seen, n_tiles=1)
        return noise, _energies(seen, noise, module)


def _noise(seen: Seen, *, n_tiles: int) -> Tensor:
    """Return an image so many times as high, of noise with the mean and deviation of those seen."""
    shape = list(seen.images.shape)
    shape[seen.frequency] *= n_tiles
    noise = torch.randn(shape, generator=torch.Generator().manual_seed(0)).to(seen.images)
    return (seen.images.mean() + seen.images.std() * noise).requires_grad_()


def _energies(seen: Seen, images: Tensor, module: str | None) -> Tensor:
    """Return how much is in each row of what a module makes of images, (rows,)."""
    kept: list[Tensor] = []
    hook = None
    if module is not None:
        watched = seen.network.get_submodule(module)
        hook = watched.register_forward_hook(lambda _, inputs, output: kept.append(output.clone()))
    try:
        features: Tensor = seen.network.forward_features(images)  # type: ignore[operator]
    finally:
        if hook is not None:
            hook.remove()
    found = kept[0] if kept else features
    axis = seen.frequency - (channel_axis(seen.network) == -1)
    return found.pow(2).movedim(axis, 0).flatten(1).sum(1)


def _centre(energy: Tensor, images: Tensor, along: int) -> float | None:
    """Return the pixel that a row hears, 0 at the first one's lower edge; None if none."""
    (gradient,) = torch.autograd.grad(energy, images, retain_graph=True)
    weights = gradient.pow(2).movedim(along, 0).flatten(1).sum(1).cpu().double()
    total = float(weights.sum())
    if not total > 0:
        return None
    at = torch.arange(len(weights)) + 0.5
    return float((weights * at).sum()) / total

"""The passes over the clips: maps, band occlusion and deletion."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from reports.explain.explained import Batch, Explained
from reports.explain.maps import KINDS, Mapper
from reports.explain.occlusion import sounding

MAP_BATCH = 64  # windows whose activations are kept for a gradient

Floats = NDArray[np.floating]
Tick = Callable[[], None]


class Mapped(NamedTuple):
    """What the pass for maps gave.

    Args:
        intact: Probabilities, (networks, clips, classes).
        fractions: Relevance by axis, kind and network, (clips, bands) each; a network without a map
            is absent.
    """

    intact: Floats
    fractions: tuple[dict[str, dict[int, Floats]], ...]


class Occluded(NamedTuple):
    """What occluding the bands of an axis gave.

    Args:
        removed: Probabilities with each band removed, (bands, networks, clips, classes).
        noise: With noise in its place, of the same shape.
        energies: Share of each band in a clip's energy, (clips, bands).
    """

    removed: Floats
    noise: Floats
    energies: Floats


def make_maps(explained: Explained, mappers: Sequence[Mapper], *, tick: Tick) -> Mapped:
    """Return the probabilities of the clips as they are, and the maps of their labelled classes.

    Args:
        explained: Networks and clips.
        mappers: What maps each network has.
        tick: Called after each step; a batch is one.
    """
    n_classes = len(explained.inputs.classes)

    def work(batch: Batch) -> dict[Hashable, Tensor]:
        parts: dict[Hashable, list[Tensor]] = defaultdict(list)  # by axis, kind and network
        size = min(MAP_BATCH, explained.size)
        pieces = zip(torch.split(batch.waves, size), torch.split(batch.labels, size), strict=True)
        for waves, labels in pieces:
            for n, (mapper, model) in enumerate(zip(mappers, batch.models, strict=True)):
                for kind, maps in mapper.maps(model, waves, labels, n_classes).items():
                    for number, axis in enumerate(explained.axes):
                        parts[number, kind, n].append(mapper.fractions(kind, maps, axis))
        intact = explained.probabilities(batch, batch.waves)
        tick()
        return {"intact": intact, **{key: torch.cat(some) for key, some in parts.items()}}

    by_key = explained.per_clip(work)

    def of_networks(number: int, kind: str) -> dict[int, Floats]:
        keys = {n: (number, kind, n) for n in range(len(mappers))}
        return {n: by_key[key] for n, key in keys.items() if key in by_key}

    axes = range(len(explained.axes))
    fractions = tuple({kind: of_networks(axis, kind) for kind in KINDS} for axis in axes)
    return Mapped(by_key["intact"], fractions)


def occlude(explained: Explained, axis: int, *, seed: int, tick: Tick) -> Occluded:
    """Take out each band of an axis, and put noise in its place.

    Args:
        explained: Networks and clips.
        axis: Number of the axis.
        seed: Of the noise.
        tick: Called after each step; a band of a batch is one.
    """
    generator = Generator(explained.device).manual_seed(seed)
    bands = explained.filters[axis]

    def work(batch: Batch) -> dict[str, Tensor]:
        spectra, here = bands.spectra(batch.waves), sounding(batch.waves)
        gone, replaced = [], []
        for band, kept in enumerate(1 - torch.eye(bands.n_bands, device=spectra.device)):
            gone.append(explained.probabilities(batch, bands.without(spectra, kept)))
            noisy = bands.with_noise(spectra, band, sounding=here, generator=generator)
            replaced.append(explained.probabilities(batch, noisy))
            tick()
        energy = bands.energies(spectra)
        return {
            "removed": torch.stack(gone),
            "noise": torch.stack(replaced),
            "energies": energy / energy.sum(1, keepdim=True).clamp_min(1e-30),
        }

    return Occluded(**explained.per_clip(work))


def delete(
    explained: Explained,
    axis: int,
    orders: Sequence[NDArray[np.intp]],
    steps: Sequence[int],
    *,
    networks: Sequence[int],
    tick: Tick,
) -> Floats:
    """Return probabilities after the first bands of an order are removed.

    Args:
        explained: Networks and clips.
        axis: Number of the axis.
        orders: Bands to remove, first ones first, (clips, bands) each.
        steps: How many of them, rising.
        networks: Which are asked; the others' probabilities are 0.
        tick: Called after each step; a band count of an order and a batch is one.

    Returns:
        (orders, steps, networks, clips, classes).
    """
    bands = explained.filters[axis]
    ranks = [torch.from_numpy(order.argsort(1)).to(explained.device) for order in orders]

    def work(batch: Batch) -> dict[str, Tensor]:
        spectra = bands.spectra(batch.waves)
        probabilities = []
        for rank in ranks:
            for step in steps:
                kept = (rank[batch.rows] >= step).float()
                waves = bands.without(spectra, kept)
                probabilities.append(explained.probabilities(batch, waves, networks))
                tick()
        return {"kept": torch.stack(probabilities)}

    kept = explained.per_clip(work)["kept"]
    return kept.reshape(len(orders), len(steps), *kept.shape[1:])

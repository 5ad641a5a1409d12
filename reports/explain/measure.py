"""The passes over the clips: maps, band occlusion and deletion, batch by batch."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from reports.explain.axes import FrequencyAxis
from reports.explain.maps import KINDS, Mapper
from reports.explain.occlusion import BandFilter, sounding
from runners.device import Compute
from runners.evaluation import autocast
from runners.waveforms import Views, Waveforms
from study.explain_inputs import ExplainInputs

__all__ = ["Explained", "Mapped", "Occluded", "delete", "make_maps", "occlude"]

BATCH = {"cpu": 64, "cuda": 512}  # windows
MAP_BATCH = 64  # windows whose activations are kept for a gradient

Floats = NDArray[np.floating]
Tick = Callable[[], None]


class Mapped(NamedTuple):
    """What the pass for maps gave.

    Args:
        intact: Probabilities, (networks, clips, classes).
        shares: Relevance by axis, kind and network, (clips, bands) each; a network without a map
            is absent.
    """

    intact: Floats
    shares: tuple[dict[str, dict[int, Floats]], ...]


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


class Explained:
    """The networks and the chosen clips on a device.

    Args:
        inputs: What is explained.
        chosen: Which of its clips, (clips,).
        axes: Of the bands.
        compute: Where and how.
    """

    def __init__(
        self,
        inputs: ExplainInputs,
        chosen: Sequence[int],
        axes: Sequence[FrequencyAxis],
        compute: Compute,
    ) -> None:
        self.inputs, self.compute, self.axes = inputs, compute, tuple(axes)
        device = compute.device
        self.models = [network.model.to(device) for network in inputs.networks]
        if compute.channels_last:
            self.models = [m.to(memory_format=torch.channels_last) for m in self.models]  # type: ignore[call-overload]
        self.waveforms = Waveforms(
            inputs.clips, device=device, clip_seconds=inputs.clip_seconds, pad=inputs.pad
        )
        self.views = self.waveforms.cover([inputs.positions[i] for i in chosen])
        self.labels = torch.tensor([inputs.labels[i] for i in chosen], device=device)
        self.batch = BATCH.get(device.type, 64)
        self.filters = [
            BandFilter(
                axis.edges_hz,
                n_samples=self.waveforms.length,
                sampling_rate=self.waveforms.sampling_rate,
                device=device,
            )
            for axis in axes
        ]

    @property
    def n_batches(self) -> int:
        """Batches of one pass."""
        return -(-len(self.views.clips) // self.batch)

    def mappers(self) -> tuple[Mapper, ...]:
        """Return what maps each network has, tried on the first window."""
        first = self.waveforms.gather(self.views.clips[:1], self.views.starts[:1])
        return tuple(Mapper.of(network, first) for network in self.inputs.networks)

    def batches(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield windows (windows, samples) and which clip each is of, (windows,)."""
        rows = torch.split(self.views.rows, self.batch)
        yield from zip(self.waveforms.batches(self.views, self.batch), rows, strict=True)

    @torch.no_grad()
    def probabilities(self, waves: Tensor, networks: Sequence[int] | None = None) -> Tensor:
        """Return (networks, windows, classes) of windows, by all networks or some."""
        found = []
        for model in self.models if networks is None else [self.models[n] for n in networks]:
            with autocast(self.compute):
                logits = model(waves)
            found.append(logits.float().softmax(1))
        return torch.stack(found)

    def per_clip(self, parts: Sequence[Tensor]) -> Floats:
        """Return the mean per clip of batches whose last axis but one is the windows'."""
        return _per_clip(self.views, torch.cat(list(parts), dim=-2))


def make_maps(explained: Explained, mappers: Sequence[Mapper], *, tick: Tick) -> Mapped:
    """Return the probabilities of the clips as they are, and the maps of their labelled classes.

    Args:
        explained: Networks and clips.
        mappers: What maps each network has.
        tick: Called after each step; a batch is one.
    """
    axes, n_classes = explained.axes, len(explained.inputs.classes)
    intact: list[Tensor] = []
    parts: list[dict[tuple[str, int], list[Tensor]]] = [defaultdict(list) for _ in axes]
    for waves, rows in explained.batches():
        intact.append(explained.probabilities(waves))
        labels = explained.labels[rows]
        for n, mapper in enumerate(mappers):
            for start in range(0, len(waves), MAP_BATCH):
                here = slice(start, start + MAP_BATCH)
                for kind, maps in mapper.maps(waves[here], labels[here], n_classes).items():
                    for axis, found in zip(axes, parts, strict=True):
                        found[kind, n].append(mapper.shares(maps, axis))
        tick()
    shares: list[dict[str, dict[int, Floats]]] = [{kind: {} for kind in KINDS} for _ in axes]
    for found, by_kind in zip(parts, shares, strict=True):
        for (kind, n), values in found.items():
            by_kind[kind][n] = explained.per_clip(values)
    return Mapped(explained.per_clip(intact), tuple(shares))


def occlude(explained: Explained, axis: int, *, seed: int, tick: Tick) -> Occluded:
    """Take out each band of an axis, and put noise in its place.

    Args:
        explained: Networks and clips.
        axis: Number of the axis.
        seed: Of the noise.
        tick: Called after each step; a band of a batch is one.
    """
    generator = Generator(explained.compute.device).manual_seed(seed)
    bands = explained.filters[axis]
    removed, noise, energies = [], [], []
    for waves, _ in explained.batches():
        spectra, here = bands.spectra(waves), sounding(waves)
        gone, replaced = [], []
        for band, kept in enumerate(1 - torch.eye(bands.n_bands, device=waves.device)):
            gone.append(explained.probabilities(bands.without(spectra, kept)))
            noisy = bands.with_noise(spectra, band, sounding=here, generator=generator)
            replaced.append(explained.probabilities(noisy))
            tick()
        removed.append(torch.stack(gone))
        noise.append(torch.stack(replaced))
        energy = bands.energies(spectra)
        energies.append(energy / energy.sum(1, keepdim=True).clamp_min(1e-30))
    return Occluded(*(explained.per_clip(parts) for parts in (removed, noise, energies)))


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
        networks: Which of them.
        tick: Called after each step; a band count of an order and a batch is one.

    Returns:
        (orders, steps, networks, clips, classes).
    """
    bands, device = explained.filters[axis], explained.compute.device
    ranks = [torch.from_numpy(order.argsort(1)).to(device) for order in orders]
    parts = []
    for waves, rows in explained.batches():
        spectra = bands.spectra(waves)
        found = []
        for rank in ranks:
            for step in steps:
                kept = (rank[rows] >= step).float()
                found.append(explained.probabilities(bands.without(spectra, kept), networks))
                tick()
        parts.append(torch.stack(found))
    found_all = explained.per_clip(parts)
    return found_all.reshape(len(orders), len(steps), *found_all.shape[1:])


def _per_clip(views: Views, values: Tensor) -> Floats:
    """Return the mean over each clip's windows of values (..., windows, k), (..., clips, k)."""
    flat = values.movedim(-2, 0)
    averaged = views.average(flat.reshape(len(flat), -1))
    back = averaged.reshape(views.n, *flat.shape[1:]).movedim(0, -2)
    found: Floats = back.double().cpu().numpy()
    return found

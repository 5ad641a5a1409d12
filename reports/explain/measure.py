"""The passes over the clips: maps, band occlusion and deletion, batch by batch."""

from __future__ import annotations

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
from runners.model import Classifier
from runners.waveforms import Views, Waveforms
from study.explain_inputs import ExplainInputs, Network

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


class Batch(NamedTuple):
    """Windows of clips.

    Args:
        places: Among all windows, (windows,).
        waves: (windows, samples).
        rows: Which clip each is of, (windows,).
        folds: Fold of each, (windows,); 0 where devel was held out.
    """

    places: Tensor
    waves: Tensor
    rows: Tensor
    folds: Tensor

    def heard_by(self, network: Network) -> Iterator[tuple[Classifier, Tensor]]:
        """Yield each model of a network and which of the windows it hears, (its windows,)."""
        if len(network.models) == 1:
            yield network.models[0], torch.arange(len(self.waves), device=self.waves.device)
            return
        for fold in torch.unique(self.folds).tolist():
            yield network.models[fold], (self.folds == fold).nonzero()[:, 0]


class Explained:
    """The networks and the chosen clips on a device.

    Args:
        inputs: What is explained; its networks are moved to the device.
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
        for model in (model for network in inputs.networks for model in network.models):
            model.to(device)
            if compute.channels_last:
                model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.waveforms = Waveforms(
            inputs.clips, device=device, clip_seconds=inputs.clip_seconds, pad=inputs.pad
        )
        self.views = self.waveforms.cover([inputs.positions[i] for i in chosen])
        self.labels = torch.tensor([inputs.labels[i] for i in chosen], device=device)
        folds = inputs.folds or (0,) * len(inputs.labels)
        self.folds = torch.tensor([folds[i] for i in chosen], device=device)
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

    def batches(self) -> Iterator[Batch]:
        """Yield all windows in their order."""
        places = torch.arange(len(self.views.rows), device=self.compute.device)
        waves = self.waveforms.batches(self.views, self.batch)
        for here, wave in zip(torch.split(places, self.batch), waves, strict=True):
            rows = self.views.rows[here]
            yield Batch(here, wave, rows, self.folds[rows])

    @torch.no_grad()
    def probabilities(
        self, batch: Batch, waves: Tensor, networks: Sequence[int] | None = None
    ) -> Tensor:
        """Return (networks, windows, classes) of waveforms of a batch, 0 for networks left out.

        Args:
            batch: The windows.
            waves: What is heard of them, (windows, samples).
            networks: Which are asked; None: all.
        """
        shape = (len(self.inputs.networks), len(waves), len(self.inputs.classes))
        found = torch.zeros(shape, device=waves.device)
        for n in range(len(found)) if networks is None else networks:
            for model, here in batch.heard_by(self.inputs.networks[n]):
                with autocast(self.compute):
                    logits = model(waves[here])
                found[n, here] = logits.float().softmax(1)
        return found

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
    n_windows, n_classes = len(explained.views.rows), len(explained.inputs.classes)
    intact: list[Tensor] = []
    shares: list[dict[tuple[str, int], Tensor]] = [{} for _ in explained.axes]
    for batch in explained.batches():
        intact.append(explained.probabilities(batch, batch.waves))
        labels = explained.labels[batch.rows]
        for n, mapper in enumerate(mappers):
            for model, heard in batch.heard_by(mapper.network):
                for here in torch.split(heard, MAP_BATCH):
                    maps = mapper.maps(model, batch.waves[here], labels[here], n_classes)
                    for axis, found in zip(explained.axes, shares, strict=True):
                        for kind, values in maps.items():
                            empty = values.new_zeros(n_windows, axis.n_bands)
                            whole = found.setdefault((kind, n), empty)
                            whole[batch.places[here]] = mapper.shares(values, axis)
        tick()
    by_kind: list[dict[str, dict[int, Floats]]] = [{k: {} for k in KINDS} for _ in shares]
    for found, kinds in zip(shares, by_kind, strict=True):
        for (kind, n), whole in found.items():
            kinds[kind][n] = explained.per_clip([whole])
    return Mapped(explained.per_clip(intact), tuple(by_kind))


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
    for batch in explained.batches():
        spectra, here = bands.spectra(batch.waves), sounding(batch.waves)
        gone, replaced = [], []
        for band, kept in enumerate(1 - torch.eye(bands.n_bands, device=spectra.device)):
            gone.append(explained.probabilities(batch, bands.without(spectra, kept)))
            noisy = bands.with_noise(spectra, band, sounding=here, generator=generator)
            replaced.append(explained.probabilities(batch, noisy))
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
        networks: Which are asked; the others' probabilities are 0.
        tick: Called after each step; a band count of an order and a batch is one.

    Returns:
        (orders, steps, networks, clips, classes).
    """
    bands, device = explained.filters[axis], explained.compute.device
    ranks = [torch.from_numpy(order.argsort(1)).to(device) for order in orders]
    parts = []
    for batch in explained.batches():
        spectra = bands.spectra(batch.waves)
        found = []
        for rank in ranks:
            for step in steps:
                kept = (rank[batch.rows] >= step).float()
                waves = bands.without(spectra, kept)
                found.append(explained.probabilities(batch, waves, networks))
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

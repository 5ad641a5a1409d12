"""The networks and the clips that are explained, on a device, batch by batch."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import NamedTuple, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from reports.explain.axes import FrequencyAxis
from reports.explain.inputs import ExplainInputs
from reports.explain.maps import Mapper
from reports.explain.occlusion import BandFilter
from runners.device import Compute
from runners.evaluation import EVAL_BATCH
from runners.faults import fault_kind
from runners.model import Classifier
from runners.waveforms import Waveforms
from search_spaces.backbones.backbones import likes_channels_last
from search_spaces.grammar.errors import InputError

BATCH = {"cpu": 64, "cuda": EVAL_BATCH}  # windows; every trial was evaluated with as many
LEAST_BATCH = 8  # windows: what is tried last where memory runs out

Floats = NDArray[np.floating]
Name = TypeVar("Name", bound=Hashable)


class Batch(NamedTuple):
    """Windows of clips of one fold, and who hears them.

    Args:
        waves: (windows, samples).
        rows: Which clip each is of, (windows,).
        labels: Class index of each, (windows,).
        models: Of each network the model that was not trained on these clips, (networks,).
    """

    waves: Tensor
    rows: Tensor
    labels: Tensor
    models: tuple[Classifier, ...]


class Explained:
    """The networks and the chosen clips on a device.

    All is computed in float32, also where trials were trained in bfloat16: occlusion takes
    differences of probabilities, and the maps are to be those of the network that it asks. In a
    cross-validation the networks of one fold at a time are on the device.

    Args:
        inputs: What is explained; its networks are moved to the device.
        chosen: Which of its clips, (clips,).
        axes: Of the bands.
        compute: Where, and whether images lie channels last for networks that like it.
    """

    def __init__(
        self,
        inputs: ExplainInputs,
        chosen: Sequence[int],
        axes: Sequence[FrequencyAxis],
        compute: Compute,
    ) -> None:
        self.inputs, self.compute, self.axes = inputs, compute, tuple(axes)
        self.device = compute.device
        for network in inputs.networks if compute.channels_last else ():
            if likes_channels_last(network.spec.backbone):
                for model in network.models:
                    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._fold, self._held = -1, tuple[Classifier, ...]()
        self.waveforms = Waveforms(
            inputs.clips, device=self.device, clip_seconds=inputs.clip_seconds, pad=inputs.pad
        )
        self.views = self.waveforms.cover([inputs.positions[i] for i in chosen])
        self.labels = torch.tensor([inputs.labels[i] for i in chosen], device=self.device)
        self.folds = [inputs.folds[i] if inputs.folds else 0 for i in chosen]
        self.size = BATCH.get(self.device.type, 64)
        self._rows = self.views.rows.cpu().numpy()
        of_window = np.array(self.folds, dtype=np.intp)[self._rows]
        self._order = np.argsort(of_window, kind="stable")  # windows of a fold are one stretch
        self._stretch = of_window[self._order]
        self._places = torch.from_numpy(self._order).to(self.device)
        self.filters = [
            BandFilter(
                axis.edges_hz,
                n_samples=self.waveforms.length,
                sampling_rate=self.waveforms.sampling_rate,
                device=self.device,
            )
            for axis in axes
        ]

    @property
    def n_batches(self) -> int:
        """Batches of one pass, where memory suffices."""
        return sum(-(-int(n) // self.size) for n in np.bincount(self._stretch))

    def hold(self, fold: int) -> tuple[Classifier, ...]:
        """Return the models of a fold, one per network, on the device; other folds' leave it."""
        if fold != self._fold:
            for model in self._held:
                model.cpu()
            self._held = tuple(network.of_fold(fold) for network in self.inputs.networks)
            for model in self._held:
                model.to(self.device)
            self._fold = fold
        return self._held

    def mappers(self) -> tuple[Mapper, ...]:
        """Return what maps each network has, tried on the first window."""
        first = self.waveforms.gather(self.views.clips[:1], self.views.starts[:1])
        pairs = zip(self.inputs.networks, self.hold(0), strict=True)
        return tuple(Mapper.from_model(network, model, first) for network, model in pairs)

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
        shape = (len(batch.models), len(waves), len(self.inputs.classes))
        found = torch.zeros(shape, device=waves.device)
        for n in range(len(found)) if networks is None else networks:
            found[n] = batch.models[n](waves).softmax(1)
        return found

    def per_clip(self, work: Callable[[Batch], dict[Name, Tensor]]) -> dict[Name, Floats]:
        """Return what is computed of all windows, averaged over those of each clip.

        Results leave the device batch by batch. Where its memory does not suffice, a batch is
        tried again at half the size.

        Args:
            work: Returns tensors (..., windows, k) of a batch, under the same names for each.

        Returns:
            (..., clips, k) by name.

        Raises:
            InputError: If memory does not even suffice for `LEAST_BATCH` windows.
        """
        parts: dict[Name, list[Floats]] = defaultdict(list)
        for found in self._worked(work):
            for name, values in found.items():
                parts[name].append(values)
        back, first = np.argsort(self._order), np.flatnonzero(np.diff(self._rows, prepend=-1))
        counts = np.bincount(self._rows)[:, None]

        def whole(some: list[Floats]) -> Floats:
            ordered = np.concatenate(some, axis=-2)[..., back, :]
            return np.asarray(np.add.reduceat(ordered, first, axis=-2) / counts)

        return {name: whole(parts.pop(name)) for name in list(parts)}  # no more at once than needed

    def _worked(self, work: Callable[[Batch], dict[Name, Tensor]]) -> Iterator[dict[Name, Floats]]:
        """Yield what is computed of each batch, in the order of the folds."""
        start = 0
        while start < len(self._order):
            end = int(np.searchsorted(self._stretch, self._stretch[start], side="right"))
            stop = min(start + self.size, end)
            found = self._tried(work, slice(start, stop))
            if found is None:
                self._halve()
                continue
            yield found
            start = stop

    def _tried(
        self, work: Callable[[Batch], dict[Name, Tensor]], part: slice
    ) -> dict[Name, Floats] | None:
        """Return what is computed of some windows; None where memory does not suffice."""
        try:
            models = self.hold(int(self._stretch[part.start]))
            here = self._places[part]
            rows = self.views.rows[here]
            waves = self.waveforms.gather(self.views.clips[here], self.views.starts[here])
            found = work(Batch(waves, rows, self.labels[rows], models))
            return {name: values.cpu().double().numpy() for name, values in found.items()}
        except (MemoryError, RuntimeError) as error:
            if fault_kind(error) != "memory":
                raise
        return None  # out here, where the error no longer holds what it was raised among

    def _halve(self) -> None:
        if self.size <= LEAST_BATCH:
            raise InputError(
                f"{self.device}: has too little free memory to explain these networks, even"
                f" {self.size} windows at a time; free some, or name another device"
            )
        self.size //= 2
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

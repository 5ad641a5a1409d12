"""How each network of a study can be mapped, and its maps as shares of relevance per band."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from reports.explain.axes import FrequencyAxis, row_shares
from reports.explain.cam import (
    Maps,
    Stage,
    class_maps,
    find_stage,
    has_maps,
    padded_fraction,
    svm_map,
)
from search_spaces.backbones import BandStatistics
from search_spaces.scales import centres_hz
from study.explain_inputs import Network

__all__ = ["KINDS", "Mapper", "contrast"]

KINDS = ("layercam", "hirescam")  # of maps; a linear machine's weights count as both


def contrast(labels: Tensor, n_classes: int) -> Tensor:
    """Return the weights of the logits of a class against the mean of all, (clips, classes).

    What all logits have in common changes no probability, so no map is to explain it.

    >>> contrast(torch.tensor([1]), 2).tolist()
    [[-0.5, 0.5]]
    """
    return torch.eye(n_classes, device=labels.device)[labels] - 1.0 / n_classes


@dataclass(frozen=True)
class Mapper:
    """What maps a network has.

    Args:
        network: Which.
        how: `cam`, `weights` (a linear machine) or `none`.
        stage: Of LayerCAM; None where there is none.
        centres: Of the bands of the network's scale in Hz, lowest first.
        fractions: Parts of the height and width that the network sees which are the image's.
        why: Why there is no map; empty where there is one.
    """

    network: Network
    how: str
    stage: Stage | None
    centres: tuple[float, ...]
    fractions: tuple[float, float]
    why: str = ""

    @classmethod
    @torch.no_grad()
    def of(cls, network: Network, waves: Tensor) -> Mapper:
        """Look at a network.

        Args:
            network: Which; on the device of the waves.
            waves: At least one window, (windows, samples).
        """
        model, spec = network.model, network.spec
        centres = tuple(centres_hz(spec.scale, model.front_end.sampling_rate).tolist())
        images = model.front_end(waves[:1])
        if isinstance(model.backbone, BandStatistics):
            return cls(network, "weights", None, centres, (1.0, 1.0))
        if not has_maps(model.backbone, images):
            why = "its features have no rows (a transformer on patches)"
            return cls(network, "none", None, centres, (1.0, 1.0), why)
        fractions = padded_fraction(model.backbone, images)
        return cls(network, "cam", find_stage(model.backbone, images), centres, fractions)

    def maps(self, waves: Tensor, labels: Tensor, n_classes: int) -> dict[str, Tensor]:
        """Return the maps of the labelled classes by kind, (windows, rows, columns) each.

        Args:
            waves: (windows, samples).
            labels: Code of the class that each window's maps explain, (windows,).
            n_classes: Outputs of the network.
        """
        if self.how == "none":
            return {}
        model = self.network.model
        weights = contrast(labels, n_classes)
        with torch.no_grad():
            images = model.front_end(waves)
        if isinstance(model.backbone, BandStatistics):
            found = svm_map(model.backbone, images, weights)
            return dict.fromkeys(KINDS, found.hires)
        found = class_maps(model.backbone, images, weights, stage=self.stage)
        return _by_kind(found)

    def shares(self, maps: Tensor, axis: FrequencyAxis) -> Tensor:
        """Return the relevance per band, (windows, bands); its absolute values sum to 1 by row.

        Args:
            maps: (windows, rows, columns).
            axis: Of the bands.
        """
        by_row = maps.sum(2)
        size = by_row.abs().sum(1, keepdim=True).clamp_min(1e-20)
        return (by_row / size) @ self._spread(axis, by_row.shape[1]).to(by_row)

    def uniform(self, axis: FrequencyAxis) -> NDArray[np.float64]:
        """Return the shares of a map that is equal everywhere, (bands,)."""
        spread = row_shares(self.centres, axis.edges_hz, n_rows=1)[0]
        return np.asarray(spread / spread.sum())

    def _spread(self, axis: FrequencyAxis, n_rows: int) -> Tensor:
        part = self.fractions[0]
        shares = row_shares(self.centres, axis.edges_hz, n_rows=n_rows, fraction=part)
        return torch.from_numpy(shares).float()

    def describe(self) -> str:
        """Say what its map is."""
        if self.how == "weights":
            return "its weights are the map"
        if self.how == "none":
            return f"no map: {self.why}; occlusion alone"
        if self.stage is None:
            return "HiResCAM of the last stage; timm names no earlier one"
        stage = f"{self.stage.module}, stride {self.stage.stride}, {self.stage.rows} rows"
        return f"LayerCAM of {stage}; HiResCAM of the last stage"


def _by_kind(maps: Maps) -> dict[str, Tensor]:
    found = {"hirescam": maps.hires}
    return found if maps.layer is None else found | {"layercam": maps.layer}

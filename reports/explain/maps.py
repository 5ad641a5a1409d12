"""How each network of a study can be mapped, and its maps as fractions of relevance per band."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from reports.explain.axes import FrequencyAxis, row_fractions
from reports.explain.cam import Stage, class_maps, find_stage, has_maps, svm_map
from reports.explain.inputs import Network
from reports.explain.rows import row_offset
from runners.model import Classifier
from search_spaces.backbones.backbones import BandStatistics

KINDS = ("layercam", "hirescam", "weights")  # of maps; the last is a linear machine's

Floats = NDArray[np.float64]


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
        centres: Of the rows of the network's images in Hz, lowest first, (channels, bands); the
            channels differ where they lie on several scales.
        why: Why there is no map; empty where there is one.
        offsets: How far the rows of its maps are centred above the middles of equal parts of the
            image, by kind of map, as a share of the height; absent: not at all.
        spreads: Filled as needed: how the rows of its maps are spread over the bands of an axis,
            by axis, kind, number of rows and device, (channels, rows, bands).
    """

    network: Network
    how: str
    stage: Stage | None
    centres: Floats
    why: str = ""
    offsets: Mapping[str, float] = field(default_factory=dict)
    spreads: dict[tuple[FrequencyAxis, str, int, torch.device], Tensor] = field(
        default_factory=dict, repr=False
    )

    @classmethod
    @torch.no_grad()
    def from_model(cls, network: Network, model: Classifier, waves: Tensor) -> Mapper:
        """Look at a network.

        Args:
            network: Which.
            model: One of it, on the device of the waves.
            waves: At least one window, (windows, samples).
        """
        centres = np.array(model.front_end.centres_hz)
        images = model.front_end(waves[:1])
        if isinstance(model.backbone, BandStatistics):
            return cls(network, "weights", None, centres)
        if not has_maps(model.backbone, images):
            why = "its features have no rows (a transformer on patches)"
            return cls(network, "none", None, centres, why)
        stage = find_stage(model.backbone, images)
        offsets = {"hirescam": row_offset(model.backbone, images, None)}
        if stage is not None:
            offsets["layercam"] = row_offset(model.backbone, images, stage.module)
        return cls(network, "cam", stage, centres, offsets=offsets)

    def maps(
        self, model: Classifier, waves: Tensor, labels: Tensor, n_classes: int
    ) -> dict[str, Tensor]:
        """Return the maps of the labelled classes by kind, (windows, rows, columns) each.

        Args:
            model: Of the network.
            waves: (windows, samples).
            labels: Index of the class that each window's maps explain, (windows,).
            n_classes: Outputs of the network.
        """
        if self.how == "none":
            return {}
        weights = contrast(labels, n_classes)
        with torch.no_grad():
            images = model.front_end(waves)
        if isinstance(model.backbone, BandStatistics):
            return {"weights": svm_map(model.backbone, images, weights).hires}
        found = class_maps(model.backbone, images, weights, stage=self.stage)
        maps = {"layercam": found.layer, "hirescam": found.hires}
        return {kind: values for kind, values in maps.items() if values is not None}

    def fractions(self, kind: str, maps: Tensor, axis: FrequencyAxis) -> Tensor:
        """Return the relevance per band, (windows, bands).

        The absolute values of a map's rows sum to 1. A network mixes its channels, so where these
        lie on several scales a row counts on each of them alike; of a linear machine each channel
        has a map of its own.

        Args:
            kind: Of the maps, one of `KINDS`.
            maps: (windows, rows, columns).
            axis: Of the bands.
        """
        spreads = self._spreads(axis, kind, maps.shape[1], maps.device)
        if self.how == "weights":
            by_row = maps.transpose(1, 2)  # (windows, channels, rows)
        else:
            by_row = (maps.sum(2) / len(spreads))[:, None].expand(-1, len(spreads), -1)
        size = by_row.abs().sum((1, 2)).clamp_min(1e-20)
        return torch.einsum("wcr,crb->wb", by_row / size[:, None, None], spreads)

    def _spreads(self, axis: FrequencyAxis, kind: str, n_rows: int, device: torch.device) -> Tensor:
        """Return how rows are spread over bands, (channels, rows, bands); uploaded once."""
        key = axis, kind, n_rows, device
        if key not in self.spreads:
            offset = self.offsets.get(kind, 0.0)
            made = [
                row_fractions(c, axis.edges_hz, n_rows=n_rows, offset=offset) for c in self.centres
            ]
            self.spreads[key] = torch.from_numpy(np.stack(made)).float().to(device)
        return self.spreads[key]

    def uniform(self, axis: FrequencyAxis) -> Floats:
        """Return the fractions of a map that is equal everywhere, (bands,)."""
        spread = np.mean(
            [row_fractions(c, axis.edges_hz, n_rows=1)[0] for c in self.centres], axis=0
        )
        return np.asarray(spread / spread.sum())

    def describe(self) -> str:
        """Say what its map is."""
        if self.how == "weights":
            return "its weights are the map"
        if self.how == "none":
            return f"no map: {self.why}; occlusion alone"
        if self.stage is None:
            return "HiResCAM of the last stage; timm names no earlier one"
        stage = f"{self.stage.module}, stride {self.stage.stride}, {self.stage.rows} rows"
        mixed = (
            "; rows count on each channel's scale alike" if np.ptp(self.centres, 0).any() else ""
        )
        return f"LayerCAM of {stage}; HiResCAM of the last stage{mixed}"

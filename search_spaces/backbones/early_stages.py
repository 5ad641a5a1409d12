"""The early stages of a network, read row by row: what lies at which frequency stays known."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


class EarlyStages(nn.Module):
    """The first stages of a timm network, and a linear classifier of statistics of their rows.

    The last stages of networks for photographs say what there is, wherever it is; in a
    spectrogram a row is a frequency, and early stages keep several. Mean and standard deviation
    over the columns of each channel and row are standardised over the clips, then classified.

    Args:
        body: A timm network without a classifier; what comes after its stages is removed.
        n_stages: That are kept; each halves the image, or the first two together do.
        n_classes: Outputs.
        in_chans: Channels of the image.
        size: Height and width of the image.
        drop_rate: Of the features.

    Raises:
        ValueError: If the network has no such stages that keep rows and columns.
    """

    def __init__(
        self,
        body: Any,
        n_stages: int,
        *,
        n_classes: int,
        in_chans: int,
        size: tuple[int, int],
        drop_rate: float = 0.0,
    ) -> None:
        super().__init__()
        known = list(getattr(body, "feature_info", ()))
        if not hasattr(body, "prune_intermediate_layers") or len(known) < n_stages:
            raise ValueError(f"stages must be at most {len(known)}, got stages={n_stages!r}")
        body.prune_intermediate_layers([n_stages - 1], prune_norm=True, prune_head=True)
        self.body = body
        self.n_stages = n_stages
        # Where timm names the stages, for the maps of `spectune explain`.
        self.feature_info = [{"module": f"body.{one['module']}"} for one in known[:n_stages]]
        body.eval()
        with torch.no_grad():
            features = self.forward_features(torch.zeros(1, in_chans, *size))
        body.train()
        if features.ndim != 4:
            raise ValueError(f"stages must be 0: a stage keeps no rows, got stages={n_stages!r}")
        n_features = 2 * features.shape[1] * features.shape[2]
        self.classifier = nn.Sequential(
            nn.BatchNorm1d(n_features, affine=False),
            nn.Dropout(drop_rate),
            nn.Linear(n_features, n_classes),
        )

    def get_classifier(self) -> nn.Module:
        """Return what is no part of the pretrained body, as timm's networks do."""
        return self.classifier

    def forward_features(self, images: Tensor) -> Tensor:
        """Return the maps of the last stage kept, (clips, channels, rows, columns)."""
        found: list[Tensor] = self.body.forward_intermediates(
            images, indices=[self.n_stages - 1], stop_early=True, intermediates_only=True
        )
        return found[0]

    def forward_head(self, features: Tensor) -> Tensor:
        """Return logits (clips, classes) of the maps."""
        # What does not vary over time, as behind a ReLU, has a gradient too.
        std = (features.var(3, correction=0) + 1e-6).sqrt()
        logits: Tensor = self.classifier(torch.cat([features.mean(3), std], 1).flatten(1))
        return logits

    def forward(self, images: Tensor) -> Tensor:
        """Return logits (clips, classes)."""
        return self.forward_head(self.forward_features(images))

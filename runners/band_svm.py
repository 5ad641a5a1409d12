"""The baseline anyone can read: band statistics and a linear SVM from scikit-learn."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from runners.model import Classifier
from runners.waveforms import Waveforms
from search_spaces.backbones import BandStatistics, band_statistics

__all__ = ["fit_band_svm"]


@torch.no_grad()
def fit_band_svm(
    model: Classifier,
    waveforms: Waveforms,
    clips: tuple[int, ...],
    labels: NDArray[np.int64],
    *,
    c: float,
) -> float:
    """Fit a `Classifier` whose backbone is `BandStatistics`; return its training hinge loss.

    One against the rest, classes weighted by inverse frequency. Probabilities are the softmax of
    the decision values: monotone in them, not calibrated.

    Args:
        model: Gets the statistics and the hyperplanes as weights.
        waveforms: The corpus.
        clips: Training clips; of long ones, all windows are fitted.
        labels: Their classes; every class occurs.
        c: Inverse regularisation.
    """
    from sklearn.svm import LinearSVC

    backbone = model.backbone
    if not isinstance(backbone, BandStatistics):
        raise TypeError(f"band_svm fits BandStatistics, got {type(backbone).__name__}")
    views = waveforms.cover(clips)
    model.front_end.fit(list(waveforms.batches(views, 256)))
    parts = [band_statistics(model.front_end(waves)) for waves in waveforms.batches(views, 256)]
    features = torch.cat(parts).double().cpu()
    targets = labels[views.rows.cpu().numpy()]
    _set_norm(backbone, features)
    normed = backbone.norm.cpu().eval()(features.float()).numpy().astype(np.float64)
    machine = LinearSVC(C=c, class_weight="balanced", dual="auto", random_state=0)
    machine.fit(normed, targets)
    weight, bias = machine.coef_, machine.intercept_
    if len(weight) == 1:  # two classes share one hyperplane
        weight, bias = np.concatenate([-weight, weight]) / 2, np.concatenate([-bias, bias]) / 2
    backbone.linear.weight.copy_(torch.from_numpy(weight))
    backbone.linear.bias.copy_(torch.from_numpy(bias))
    margins = normed @ weight.T + bias
    signs = np.where(np.eye(weight.shape[0])[targets] > 0, 1.0, -1.0)
    return float(np.maximum(0, 1 - signs * margins).mean())


def _set_norm(backbone: BandStatistics, features: Tensor) -> None:
    """Set the standardisation to the features' mean and variance."""
    backbone.norm.running_mean.copy_(features.mean(0))  # type: ignore[union-attr]
    backbone.norm.running_var.copy_(features.var(0, correction=0))  # type: ignore[union-attr]

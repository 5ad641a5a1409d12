"""The baseline anyone can read: band statistics and a linear SVM from scikit-learn."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from runners.device import Compute
from runners.evaluation import EVAL_BATCH, Curves, peak_memory_gb, predict, uar
from runners.job import Task
from runners.model import Classifier, make_classifier
from runners.waveforms import Waveforms
from search_spaces.backbones.backbones import BandStatistics, BandSvm, band_statistics
from search_spaces.spec import TrialSpec


@torch.no_grad()
def fit_band_svm(
    model: Classifier,
    waveforms: Waveforms,
    clips: tuple[int, ...],
    labels: NDArray[np.int64],
    *,
    c: float,
    alive: Callable[[], None] = lambda: None,
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
        alive: Called at every batch, and before the hyperplanes are sought.
    """
    from sklearn.svm import LinearSVC

    backbone = model.backbone
    if not isinstance(backbone, BandStatistics):
        raise TypeError(f"band_svm fits BandStatistics, got {type(backbone).__name__}")
    views = waveforms.cover(clips)
    model.front_end.fit(waveforms.batches(views, EVAL_BATCH, alive=alive))
    batches = waveforms.batches(views, EVAL_BATCH, alive=alive)
    parts = [band_statistics(model.front_end(waves)) for waves in batches]
    features = torch.cat(parts).double().cpu()
    targets = labels[views.rows.cpu().numpy()]
    backbone.norm.running_mean.copy_(features.mean(0))  # type: ignore[union-attr]
    backbone.norm.running_var.copy_(features.var(0, correction=0))  # type: ignore[union-attr]
    normed = backbone.norm.cpu().eval()(features.float()).numpy().astype(np.float64)
    machine = LinearSVC(C=c, class_weight="balanced", dual="auto", random_state=0)
    alive()
    machine.fit(normed, targets)
    weight, bias = machine.coef_, machine.intercept_
    if len(weight) == 1:  # two classes share one hyperplane
        weight, bias = np.concatenate([-weight, weight]) / 2, np.concatenate([-bias, bias]) / 2
    backbone.linear.weight.copy_(torch.from_numpy(weight))
    backbone.linear.bias.copy_(torch.from_numpy(bias))
    margins = normed @ weight.T + bias
    signs = np.where(np.eye(weight.shape[0])[targets] > 0, 1.0, -1.0)
    return float(np.maximum(0, 1 - signs * margins).mean())


class SvmFit:
    """The linear baseline as a fit of one epoch (`runners.cross_validation.Fit`).

    Args:
        spec: What to fit; its backbone is `BandSvm`.
        task: On what.
        waveforms: The corpus, on the device.
        compute: How.
        alive: Called at every batch; tells the engine that the process does not hang.
    """

    def __init__(
        self,
        spec: TrialSpec,
        task: Task,
        waveforms: Waveforms,
        compute: Compute,
        *,
        alive: Callable[[], None] = lambda: None,
    ) -> None:
        self.alive = alive
        self.task, self.waveforms, self.compute = task, waveforms, compute
        self.c = spec.backbone.c if isinstance(spec.backbone, BandSvm) else 1.0
        self.model = make_classifier(
            spec,
            sampling_rate=waveforms.sampling_rate,
            n_samples=waveforms.length,
            n_classes=len(task.classes),
        ).to(compute.device)
        self.curves = Curves()
        self.best: dict[str, Tensor] = {}

    @property
    def n_parameters(self) -> int:
        """Number of parameters."""
        return sum(p.numel() for p in self.model.parameters())

    def epochs(self) -> Iterator[dict[str, Any]]:
        """Fit; yield what came of it as one epoch."""
        started = time.monotonic()
        labels = np.array(self.task.labels["train"], dtype=np.int64)
        clips = self.task.partitions["train"]
        loss = fit_band_svm(self.model, self.waveforms, clips, labels, c=self.c, alive=self.alive)
        self.model.to(self.compute.device)
        yield {"event": "trained", "epoch": 1}
        self.curves.train_loss.append(loss)
        devel = self._predict("devel")
        if devel is not None:
            self.curves.devel.append(devel.numpy().astype(np.float16))
            truth = np.array(self.task.labels["devel"], dtype=np.int64)
            self.curves.devel_uar.append(uar(self.curves.devel[0], truth))
        self.keep()
        yield {
            "event": "epoch",
            "epoch": 1,
            "epochs": 1,
            "train_loss": loss,
            "devel_uar": self.curves.devel_uar[-1] if self.curves.devel_uar else None,
            "seconds": time.monotonic() - started,
            "lr": None,
            "peak_memory_gb": peak_memory_gb(self.compute.device),
        }

    def keep(self) -> None:
        """Take the weights: they are what the fit will have given."""
        self.curves.best_epoch = 1
        self.best = {name: v.detach().clone() for name, v in self.model.state_dict().items()}

    def test(self) -> NDArray[np.float32] | None:
        """Return the test probabilities (clips, classes), or None without test."""
        found = self._predict("test")
        return None if found is None else found.numpy().astype(np.float32)

    def _predict(self, partition: str) -> Tensor | None:
        clips = self.task.partitions[partition]
        if not clips:
            return None
        views = self.waveforms.cover(clips)
        return predict(self.model, self.waveforms, views, self.compute, alive=self.alive).cpu()

    def state(self) -> dict[str, Any]:
        """Return nothing: an epoch is all there is."""
        return {}

    def set_state(self, state: dict[str, Any]) -> bool:
        """Begin anew."""
        return False

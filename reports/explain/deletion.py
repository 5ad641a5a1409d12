"""Deletion curves: how fast the true class is lost as bands are removed in some order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reports.explain.explained import Explained
from reports.explain.inputs import System
from reports.explain.judgement import area
from reports.explain.measure import delete
from reports.explain.statistics import rounded
from study.metrics import uar_of_probabilities

STEPS = (1, 2, 4, 6, 9)  # bands removed one after another
ORDERS = ("map", "occlusion", "energy", "random")

Floats = NDArray[np.floating]


def deletion_curves(
    explained: Explained,
    axis: int,
    system: System,
    by: Mapping[str, Floats],
    intact: Floats,
    labels: NDArray[np.intp],
    *,
    seed: int,
    tick: Callable[[], None],
) -> dict[str, Any]:
    """Return the curves of a system, plain JSON values.

    All clips lose the bands in one order: an order for each class would tell the network the class
    by what is missing. The random order is another one for each clip. A curve's heights are the
    means over classes of the mean probability of the true class.

    Args:
        explained: Networks and clips.
        axis: Number of the axis.
        system: Which networks count, and how much.
        by: What bands are ordered by, the highest first: name to (bands,).
        intact: The system's probabilities with all bands, (clips, classes).
        labels: Class indices, (clips,).
        seed: Of the random order.
        tick: Called after each step.
    """
    n_bands = explained.axes[axis].n_bands
    orders = {name: np.tile(np.argsort(-values), (len(labels), 1)) for name, values in by.items()}
    orders["random"] = np.random.default_rng(seed).random((len(labels), n_bands)).argsort(1)
    networks = [n for n, weight in enumerate(system.weights) if weight]
    found = delete(explained, axis, list(orders.values()), STEPS, networks=networks, tick=tick)
    fused = system.fuse(found)  # (orders, steps, clips, classes)
    fractions = [step / n_bands for step in (0, *STEPS)]
    curves = {}
    for name, removed in zip(orders, fused, strict=True):
        steps = [intact, *removed]
        heights = [_true_probability(values, labels) for values in steps]
        curves[name] = {
            "probability": rounded(heights),
            "uar": rounded([uar_of_probabilities(values, labels) for values in steps]),
            "area": round(area(fractions, heights), 5),
        }
    ordered = {name: curves[name] for name in ORDERS if name in curves}
    return {"removed": [0, *STEPS], "orders": ordered}


def _true_probability(probabilities: Floats, labels: NDArray[np.intp]) -> float:
    """Return the mean over classes of the mean probability of the true class."""
    true = probabilities[np.arange(len(labels)), labels]
    return float(np.mean([true[labels == label].mean() for label in np.unique(labels)]))

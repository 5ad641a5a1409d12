"""A search in the simulated world: random or adaptive, with median pruning on devel UAR."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from simulation.world import (
    N_DIMENSIONS,
    N_FAMILIES,
    Population,
    Trial,
    World,
    probabilities,
)
from study.metrics import uar_of_probabilities

__all__ = ["Search", "search"]

Search = Literal["random", "adaptive"]

N_RANDOM = 10  # trials before an adaptive search starts to follow the best ones
STEP = 0.12
WARM_UP = 6  # trials that are never pruned
CHECKS = (1 / 3, 2 / 3)  # of the schedule


def search(
    world: World, devel: Population, *, kind: Search, n_trials: int
) -> tuple[list[Trial], list[NDArray[np.float16]]]:
    """Try configurations, always looking at devel.

    An adaptive search draws, after some random trials, near one of the best quarter so far. A
    trial stops at a third or two thirds of its schedule when its best devel UAR so far lies
    below the median of the others' there.

    Returns:
        The trials and their probabilities on devel, (epochs, clips, 2) each.
    """
    rng = np.random.default_rng([world.seed, 99])
    trials: list[Trial] = []
    outputs: list[NDArray[np.float16]] = []
    values: list[float] = []
    reports: dict[float, list[float]] = {check: [] for check in CHECKS}
    for number in range(n_trials):
        place = rng.random(N_DIMENSIONS)
        nearby = rng.normal(0, STEP, N_DIMENSIONS)
        follow, pick = rng.random() < 0.85, rng.random()
        if kind == "adaptive" and number >= N_RANDOM and follow:
            best = np.argsort(values)[::-1][: max(2, number // 4)]
            parent = trials[best[int(pick * len(best))]]
            place = np.clip(parent.place + nearby, 0, 1)
        family, n_epochs = int(rng.integers(N_FAMILIES)), int(rng.choice([6, 9, 12]))
        trial = Trial(number, place, family, n_epochs)
        output = probabilities(world, devel, trial, list(range(n_epochs)))
        uars = uar_of_probabilities(output, devel.labels)
        kept = _epochs_before_pruning(uars, reports, may_prune=number >= WARM_UP)
        trials.append(trial)
        outputs.append(output[:kept])
        values.append(float(uars[:kept].max()))
    return trials, outputs


def _epochs_before_pruning(
    uars: NDArray[np.float64], reports: dict[float, list[float]], *, may_prune: bool
) -> int:
    for check, others in reports.items():
        n_epochs = round(check * len(uars))
        best = float(uars[:n_epochs].max())
        prune = may_prune and best < float(np.median(others))
        others.append(best)
        if prune:
            return n_epochs
    return len(uars)

"""How long selection and its honest estimate take, on random libraries.

python tests/benchmarks/bench_ensemble.py
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from study.fusion.choice import estimate
from study.fusion.methods.bagged import bagged_greedy
from study.fusion.methods.greedy import greedy

__all__ = ["main", "random_library"]

N_FAMILIES = 5
N_SPEAKERS = 10


def random_library(
    n_candidates: int, n_epochs: int, n_clips: int, n_classes: int, *, seed: int = 0
) -> tuple[list[NDArray[np.float16]], NDArray[np.intp]]:
    """Candidates (epochs, clips, classes) that know something and share errors; and labels."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, n_classes, n_clips)
    shared = rng.normal(0, 0.7, (n_clips, n_classes)) + np.eye(n_classes)[labels]
    candidates = []
    for _ in range(n_candidates):
        values = np.exp(shared + rng.normal(0, 1, (n_epochs, n_clips, n_classes)))
        candidates.append((values / values.sum(axis=-1, keepdims=True)).astype(np.float16))
    return candidates, labels


def _seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def _selection(n_candidates: int, n_clips: int, n_classes: int) -> str:
    trials, labels = random_library(n_candidates, 1, n_clips, n_classes)
    library = np.stack([trial[0] for trial in trials])
    families = [number % N_FAMILIES for number in range(n_candidates)]
    plain = _seconds(lambda: greedy(library, labels))
    bagged = _seconds(lambda: bagged_greedy(library, labels, families=families))
    size = f"{n_candidates} candidates, {n_clips} clips, {n_classes} classes"
    return f"{size}: greedy {plain:.2f} s, bagged {bagged:.2f} s"


def _honest(n_trials: int, n_epochs: int, n_clips: int, n_resamples: int) -> str:
    trials, labels = random_library(n_trials, n_epochs, n_clips, 2)
    speakers = np.arange(n_clips) % N_SPEAKERS
    taken = _seconds(lambda: estimate(trials, labels, speakers, n_resamples=n_resamples))
    size = f"{n_trials} trials, {n_epochs} epochs, {n_clips} clips, {N_SPEAKERS} speakers"
    return f"{size}: honest value with {n_resamples} bootstrap samples {taken:.1f} s"


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line; see the module."""
    parser = argparse.ArgumentParser(
        prog="python tests/benchmarks/bench_ensemble.py", description="Seconds of fusion selection."
    )
    parser.add_argument("--candidates", type=int, default=200)
    parser.add_argument("--clips", type=int, default=15_000)
    parser.add_argument("--trials", type=int, default=40, help="of the honest estimate")
    parser.add_argument("--epochs", type=int, default=10, help="of the honest estimate")
    options = parser.parse_args(arguments)
    for n_classes in (2, 10):
        print(_selection(options.candidates, options.clips, n_classes))
    for n_resamples in (0, 25):
        print(_honest(options.trials, options.epochs, options.clips, n_resamples))


if __name__ == "__main__":
    main()

"""Trials that no sampler chooses: baselines, the points of a grid, and repeated seeds."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from search_spaces.grid import grid_specs
from search_spaces.space import Space
from search_spaces.spec import TrialSpec
from study.results.trial_record import BASELINE, GRID


def derive_seed(seed: int, number: int) -> int:
    """Return a seed: a hash of the study's seed and a trial's (or repetition's) number.

    >>> derive_seed(0, 1) != derive_seed(1, 0)
    True
    """
    return hashed_seed(f"{seed}:{number}")


def hashed_seed(text: str) -> int:
    """Return a seed of 31 bits that is always the same for a text."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") >> 1


@dataclass(frozen=True)
class EnqueuedTrial:
    """A trial to be run as it is.

    Args:
        origin: `baseline:NAME`, `grid:N` or `seed:TRIAL`.
        spec: What to train.
        seeded: Whether the spec's seed is meant; otherwise the trial's number gives it.
    """

    origin: str
    spec: TrialSpec
    seeded: bool = False


def enqueued_trials(
    baselines: Mapping[str, TrialSpec], space: Space, *, sampler: str, seeds: Sequence[int]
) -> tuple[EnqueuedTrial, ...]:
    """Return the trials that come before, or instead of, a sampler's.

    In a grid all points share the seeds of their repetitions, so that they can be compared in
    pairs; the repetitions follow each other, so that an unfinished grid is a whole one of fewer.

    Args:
        baselines: Specs by name.
        space: What the grid goes through.
        sampler: `grid`, or one that chooses by itself.
        seeds: Of the repetitions of a grid.

    Raises:
        InputError: If the space has no grid.
    """
    trials = [EnqueuedTrial(f"{BASELINE}{name}", spec) for name, spec in baselines.items()]
    if sampler == "grid":
        points = grid_specs(space)
        trials += [
            EnqueuedTrial(f"{GRID}{n}", dataclasses.replace(spec, seed=seed), seeded=True)
            for n, seed in enumerate(seeds, start=1)
            for spec in points
        ]
    return tuple(trials)

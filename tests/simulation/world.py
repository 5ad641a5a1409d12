"""A world with known truth: speakers, clips, and classifiers that err alike and differently.

The log-odds of a trial at an epoch for a clip is a sum of what the trial has learned (growing
and decaying over epochs), how difficult speaker and clip are for everybody, what the trial's
family shares, what speakers with such a voice like about the trial's place in the space (smooth
over the space, so that a search can follow it), and noise of the trial and of the epoch.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["TASTE", "Population", "Trial", "World", "probabilities"]

N_DIMENSIONS = 3
N_FEATURES = 12
N_FAMILIES = 4

# Standard deviations in units of the log-odds, in which the best trial separates the two
# classes by about 2: single trials reach about 65 to 75 % UAR, as on the reference task.
SPEAKER_THRESHOLD, SPEAKER_GAIN, CLIP = 0.35, 0.3, 0.9
FAMILY_SPEAKER, FAMILY_CLIP = 0.15, 0.4
TASTE = 0.25
TRIAL_SPEAKER, TRIAL_CLIP = 0.15, 0.5
EPOCH_SPEAKER, EPOCH_CLIP, EPOCH_THRESHOLD = 0.15, 0.35, 0.15

WORLD, SPEAKERS, NOISE = range(3)  # streams of random numbers


@dataclass(frozen=True)
class World:
    """What is the same for all speakers of one repetition: the space and its best place."""

    seed: int
    best: NDArray[np.float64]
    frequencies: NDArray[np.float64]
    phases: NDArray[np.float64]

    @classmethod
    def draw(cls, seed: int) -> World:
        """The world of a repetition."""
        rng = np.random.default_rng([seed, WORLD])
        return cls(
            seed,
            rng.uniform(0.2, 0.8, N_DIMENSIONS),
            rng.normal(0, 5.0, (N_FEATURES, N_DIMENSIONS)),
            rng.uniform(0, 2 * np.pi, N_FEATURES),
        )

    def features(self, place: NDArray[np.float64]) -> NDArray[np.float64]:
        """Smooth random functions of a place in the space, (features,), of variance 1 in sum."""
        return np.asarray(np.sqrt(2 / N_FEATURES) * np.cos(self.frequencies @ place + self.phases))


@dataclass(frozen=True)
class Trial:
    """A configuration that was tried: its number, its place in [0, 1]^3, its family, its epochs."""

    number: int
    place: NDArray[np.float64]
    family: int
    n_epochs: int

    def strength(self, world: World, epoch: int) -> float:
        """What it has learned after an epoch (from 0): a learning curve that overfits."""
        quality = 1.05 - 1.1 * float(((self.place - world.best) ** 2).sum())
        quality = max(quality, 0.1)
        progress = (epoch + 1) / self.n_epochs
        speed = 2.0 + 3.0 * float(self.place[0])
        learned = quality * (1 - math.exp(-speed * progress))
        return learned - 0.25 * max(0.0, progress - 0.7)


@dataclass(frozen=True)
class Population:
    """Speakers and their clips; every speaker has both classes."""

    stream: int
    speakers: NDArray[np.intp]
    labels: NDArray[np.intp]
    threshold: NDArray[np.float64]
    gain: NDArray[np.float64]
    difficulty: NDArray[np.float64]
    family_noise: NDArray[np.float64]
    tastes: NDArray[np.float64]

    @classmethod
    def draw(
        cls, world: World, n_speakers: int, clips: int, *, stream: int, taste: float = TASTE
    ) -> Population:
        """New speakers with `clips` clips each, about 45 % of them of the first class."""
        rng = np.random.default_rng([world.seed, SPEAKERS, stream])
        speakers = np.repeat(np.arange(n_speakers), clips)
        labels = (rng.random(speakers.size) < 0.55).astype(np.intp)
        labels[::clips], labels[1::clips] = 0, 1
        family = rng.normal(0, FAMILY_SPEAKER, (N_FAMILIES, n_speakers))[:, speakers]
        return cls(
            stream=stream,
            speakers=speakers,
            labels=labels,
            threshold=rng.normal(0, SPEAKER_THRESHOLD, n_speakers)[speakers],
            gain=rng.normal(1, SPEAKER_GAIN, n_speakers)[speakers],
            difficulty=rng.normal(0, CLIP, speakers.size),
            family_noise=family + rng.normal(0, FAMILY_CLIP, family.shape),
            tastes=rng.normal(0, taste, (n_speakers, N_FEATURES)),
        )


def probabilities(
    world: World, population: Population, trial: Trial, epochs: list[int]
) -> NDArray[np.float16]:
    """What a trial predicts for a population after some epochs, (epochs, clips, 2)."""
    n_speakers = len(population.tastes)
    speakers, sign = population.speakers, 2.0 * population.labels - 1
    rng = np.random.default_rng([world.seed, NOISE, population.stream, trial.number])
    own = rng.normal(0, TRIAL_SPEAKER, n_speakers)[speakers] + rng.normal(
        0, TRIAL_CLIP, speakers.size
    )
    taste = (population.tastes @ world.features(trial.place))[speakers]
    fixed = population.family_noise[trial.family] + population.difficulty
    fixed = fixed + population.threshold + own + sign * taste
    sharpness = 0.7 + 1.6 * float(trial.place[1])
    logits = np.empty((len(epochs), speakers.size))
    for row, epoch in enumerate(epochs):
        key = [world.seed, NOISE, population.stream, trial.number, epoch]
        fresh = np.random.default_rng(key)
        shared = np.random.default_rng([world.seed, NOISE, trial.number, epoch])
        jitter = fresh.normal(0, EPOCH_SPEAKER, n_speakers)[speakers]
        jitter = jitter + fresh.normal(0, EPOCH_CLIP, speakers.size)
        signal = trial.strength(world, epoch) * population.gain * sign
        logits[row] = signal + fixed + jitter + shared.normal(0, EPOCH_THRESHOLD)
    second = 1 / (1 + np.exp(-sharpness * logits))
    return np.stack([1 - second, second], axis=-1).astype(np.float16)

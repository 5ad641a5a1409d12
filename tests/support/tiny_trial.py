"""A trial of seconds: noisy tones of two pitches, and a tiny network."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

from runners.device import choose_compute
from runners.job import Job
from runners.trial import run_trial
from search_spaces import TrialSpec
from search_spaces.spec import build_augment

RATE = 4000
CPU = choose_compute("cpu")


def tones(n: int, seed: int) -> tuple[list[np.ndarray], list[int]]:
    """Noisy tones of two pitches and unequal lengths."""
    rng = np.random.default_rng(seed)
    labels = [i % 2 for i in range(n)]
    t = np.arange(RATE) / RATE
    waves = [
        (np.sin(2 * np.pi * (400 + 300 * label + rng.normal(0, 60)) * t) * 0.3
         + rng.normal(0, 0.1, RATE))[: rng.integers(700, 2500)]
        for label in labels
    ]  # fmt: skip
    return waves, labels


def spec(**changes) -> TrialSpec:
    plain = {
        "scale": {"kind": "mel", "n_bands": 32},
        "image": {"normalize": "band"},
        "backbone": {"kind": "test_resnet", "drop_rate": 0.2},
        "optimizer": {"kind": "adamw", "lr": 3e-3},
        "recipe": {"epochs": 3, "batch": 8, "label_smoothing": 0.1},
    }
    made = TrialSpec.from_dict(plain | changes)
    return dataclasses.replace(made, augment=build_augment({"gain": {}, "noise": {}, "mixup": {}}))


def recipe(**changes) -> TrialSpec:
    """A spec without augmentation, some values of its recipe changed."""
    made = spec(**{"recipe": {"epochs": 3, "batch": 8, **changes.pop("recipe", {})}, **changes})
    return dataclasses.replace(made, augment=())


def run(job: Job, task_and_waveforms, *, verdict=lambda epoch: False):
    events: list[dict] = []
    done = run_trial(job, *task_and_waveforms, CPU, report=events.append, verdict=verdict)
    return done, events


def job(folder: Path, made: TrialSpec | None = None, **options) -> Job:
    return Job(1, 1, made or spec(), "", str(folder), **options)


def files(folder: Path, *, but: str = "") -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in folder.iterdir() if p.name != but}

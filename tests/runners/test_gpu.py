"""What only a GPU can show; runs where there is one."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from runners.device import choose_compute
from runners.job import Job, Task
from runners.training import Training
from runners.trial import run_trial
from runners.waveforms import Waveforms
from search_spaces import TrialSpec
from search_spaces.augment import AUGMENTATIONS
from search_spaces.spec import build_augment
from support.clips import clips_of

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device"),
]

EVERYTHING = tuple(AUGMENTATIONS)


@pytest.fixture(scope="module")
def held() -> tuple[Task, Waveforms]:
    rng = np.random.default_rng(0)
    clips = clips_of([rng.normal(0, 0.1, 16_000) for _ in range(200)], 16_000)
    task = Task(
        cache="",
        classes=("a", "b"),
        partitions={
            "train": tuple(range(128)),
            "devel": tuple(range(128, 180)),
            "test": tuple(range(180, 200)),
        },
        labels={"train": (0, 1) * 64, "devel": (0, 1) * 26},
    )
    device = torch.device("cuda:0")
    return task, Waveforms(clips, device=device, clip_seconds=1.0, pad="repeat")


def spec(**changes) -> TrialSpec:
    made = TrialSpec.from_dict(
        {
            "channels": {"kind": "windows"},
            "backbone": {"kind": "resnet18"},
            "recipe": {"epochs": 2, "batch": 32},
            **changes,
        }
    )
    return dataclasses.replace(made, augment=build_augment({name: {} for name in EVERYTHING}))


def test_a_trial_runs_in_bfloat16_and_channels_last(held, tmp_path):
    compute = choose_compute("cuda:0")
    assert compute.autocast == torch.bfloat16
    job = Job(0, 1, spec(), "", str(tmp_path))
    events: list[dict] = []
    done = run_trial(job, *held, compute, report=events.append, verdict=lambda epoch: False)
    assert done["state"] == "complete"
    assert all(np.isfinite(done["train_loss_per_epoch"]))
    assert events[-1]["peak_memory_gb"] > 0


@pytest.mark.parametrize(
    "changes", [{}, {"channels": {"kind": "deltas"}, "amplitude": {"kind": "pcen"}}], ids=str
)
def test_no_step_waits_for_the_device(held, tmp_path, changes):
    job = Job(0, 1, spec(**changes), "", str(tmp_path))
    training = Training(job, *held, choose_compute("cuda:0"))
    training.model.train()
    order = torch.randperm(128, generator=training.generator, device="cuda:0")
    training._step(order[:32])  # first use of kernels and of the optimiser's state
    torch.cuda.set_sync_debug_mode("error")
    try:
        for start in (32, 64, 96):
            training._step(order[start : start + 32])
            training.schedule.step()
    finally:
        torch.cuda.set_sync_debug_mode("default")

"""A task of seconds for one trial in this process."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch

from runners.job import Task
from runners.waveforms import Waveforms
from support.clips import clips_of
from support.tiny_trial import CPU, RATE, job, run, tones


@pytest.fixture(scope="module")
def task_and_waveforms() -> tuple[Task, Waveforms]:
    parts = {"train": tones(96, 0), "devel": tones(40, 1), "test": tones(10, 2)}
    waves = [wave for part, _ in parts.values() for wave in part]
    positions = iter(range(len(waves)))
    task = Task(
        cache="",
        classes=("high", "low"),
        partitions={n: tuple(next(positions) for _ in part) for n, (part, _) in parts.items()},
        labels={n: tuple(parts[n][1]) for n in ("train", "devel")},
        clip_seconds=0.4,
    )
    clips = clips_of(waves, RATE)
    return task, Waveforms(clips, device=CPU.device, clip_seconds=0.4, pad="repeat")


@pytest.fixture(scope="module")
def quick(task_and_waveforms) -> tuple[Task, Waveforms]:
    """Half the clips: trainings of six steps an epoch."""
    task, waveforms = task_and_waveforms
    partitions = {**task.partitions, "train": task.partitions["train"][:48]}
    labels = {**task.labels, "train": task.labels["train"][:48]}
    return dataclasses.replace(task, partitions=partitions, labels=labels), waveforms


@pytest.fixture(scope="module")
def whole(task_and_waveforms, tmp_path_factory) -> tuple[Path, dict[str, Any], list[dict]]:
    """An undisturbed trial: its folder, its result and its events; not to be changed."""
    folder = tmp_path_factory.mktemp("whole") / "trial"
    return folder, *run(job(folder, checkpoint_s=0.0), task_and_waveforms)


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory):
    """A file of weights of the tiny network."""
    import timm
    from safetensors.torch import save_file

    path = tmp_path_factory.mktemp("weights") / "w.safetensors"
    torch.manual_seed(7)
    save_file(timm.create_model("test_resnet", num_classes=7).state_dict(), path)
    return path

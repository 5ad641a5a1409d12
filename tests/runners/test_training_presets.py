"""Whole specs drawn from every preset: each builds, trains, and is the same from its JSON."""

from __future__ import annotations

import dataclasses
import json
import random
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import save_file

from runners.job import Job, Task
from runners.training import Training
from runners.waveforms import Waveforms
from search_spaces import TrialSpec, load_space, preset_names
from search_spaces.backbones.backbones import Timm
from search_spaces.suggesters import Draw
from support.clips import clips_of
from support.tiny_trial import CPU

RATE = 8000
TINY = ("test_resnet", "test_convnext", "test_vit")
DRAWN = [(name, i) for name in preset_names() for i in range(5 if name == "wide" else 3)]
MORE = [("wide", i) for i in range(5, 100)]


@pytest.fixture(scope="module")
def noises() -> tuple[Task, Waveforms]:
    """Sixteen clips of noise, half a second each."""
    rng = np.random.default_rng(0)
    clips = clips_of([rng.normal(0, 0.1, RATE // 2) for _ in range(16)], RATE)
    task = Task(
        cache="",
        classes=("a", "b", "c"),
        partitions={"train": tuple(range(14)), "devel": (14, 15), "test": ()},
        labels={"train": (0, 1, 2, 0, 1, 0, 0) * 2, "devel": (0, 1)},
        clip_seconds=0.5,
    )
    return task, Waveforms(clips, device=torch.device("cpu"), clip_seconds=0.5, pad="repeat")


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> dict[str, Path]:
    """A file of weights for each tiny network."""
    folder = tmp_path_factory.mktemp("weights")
    for name in TINY:
        torch.manual_seed(3)
        save_file(timm.create_model(name).state_dict(), folder / f"{name}.safetensors")
    return {name: folder / f"{name}.safetensors" for name in TINY}


def trains(preset: str, i: int, noises, files: dict[str, Path], folder: Path) -> None:
    space = load_space(preset, folder=folder)
    drawn = space.suggest(Draw(random.Random(i), corner=i % 3), seed=i)
    again = TrialSpec.from_dict(json.loads(json.dumps(drawn.to_dict())))
    assert again == drawn
    assert again.digest == drawn.digest
    assert space.parameters(drawn) is not None
    tiny = TINY[i % 3]  # with the rates, the pretraining and the resting body of the one drawn
    backbone = (
        dataclasses.replace(drawn.backbone, name=tiny)
        if isinstance(drawn.backbone, Timm)
        else Timm(tiny)
    )
    spec = dataclasses.replace(
        drawn,
        backbone=backbone,
        recipe=dataclasses.replace(drawn.recipe, batch=7, epochs=1, steps=None, min_steps=None),
    )
    weights = str(files[tiny]) if backbone.pretrained else None
    training = Training(Job(i, 1, spec, "", str(folder), weights=weights), *noises, CPU)
    before = [p.detach().clone() for p in training.model.parameters()]
    events = [event for event in training.epochs() if event["event"] == "epoch"]
    assert all(np.isfinite(event["train_loss"]) for event in events)
    assert np.isfinite(np.stack(training.curves.devel)).all()
    assert any(
        not torch.equal(a, b) for a, b in zip(before, training.model.parameters(), strict=True)
    )


@pytest.mark.parametrize(("preset", "i"), DRAWN)
def test_a_drawn_spec_builds_trains_and_is_the_same_from_its_json(
    preset, i, noises, files, tmp_path
):
    trains(preset, i, noises, files, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(("preset", "i"), MORE)
def test_more_drawn_specs_do(preset, i, noises, files, tmp_path):
    trains(preset, i, noises, files, tmp_path)

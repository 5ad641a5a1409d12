"""What stays float32 where networks are trained in bfloat16, as they are on a GPU."""

from __future__ import annotations

import dataclasses

import torch

from runners.training import Training
from search_spaces.backbones.backbones import BandStatistics
from search_spaces.spec import build_augment
from support.tiny_trial import CPU, job, recipe


def test_averaged_weights_get_statistics_of_images_as_in_training(quick, tmp_path):
    made = recipe(averaging={"kind": "swa", "start": 0.0})
    made = dataclasses.replace(made, augment=build_augment({"eq": {"p": 1}, "time_warp": {"p": 1}}))
    training = Training(job(tmp_path, made), *quick, CPU)
    expected = torch.cat(list(training._images(training.average.average)))
    with torch.autocast("cpu", dtype=torch.bfloat16):  # as for the network they go to
        found = torch.cat(list(training._images(training.average.average)))
    torch.testing.assert_close(found, expected, rtol=0, atol=0)


def test_the_linear_machine_decides_as_it_was_fitted():
    torch.manual_seed(0)
    machine, images = BandStatistics(2 * 8 * 2, 5).eval(), torch.randn(16, 2, 8, 20)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = machine(images)
    torch.testing.assert_close(found, machine(images), rtol=0, atol=0)

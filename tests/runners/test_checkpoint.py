"""What an optimiser is after its checkpoint, however its parameters lie and wherever they are."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from runners.checkpoint import load_checkpoint, load_optimizer, save_checkpoint
from runners.training import Training
from search_spaces.recipe import OPTIMIZERS, NAdamW
from support.tiny_trial import CPU, job, recipe

CHANNELS_LAST = dataclasses.replace(CPU, channels_last=True)  # as on a GPU


@pytest.mark.parametrize("kind", OPTIMIZERS.kinds)
def test_a_training_with_channels_last_goes_on_from_a_checkpoint_to_the_same_bytes(
    kind, quick, tmp_path
):
    made = recipe(optimizer={"kind": kind})
    whole = Training(job(tmp_path, made), *quick, CHANNELS_LAST)
    for event in whole.epochs():
        if event["event"] == "epoch" and event["epoch"] == 2:
            save_checkpoint(whole.state(), tmp_path / "c")
    again = Training(job(tmp_path, made), *quick, CHANNELS_LAST)
    assert again.set_state(load_checkpoint(tmp_path / "c"))
    kernels = [p for p in again.model.parameters() if p.ndim == 4 and p.shape[1] > 1]
    assert any(not kernel.is_contiguous() for kernel in kernels)
    for kernel in kernels:
        moments = [v for v in again.optimizer.state[kernel].values() if v.shape == kernel.shape]
        assert moments
        assert all(moment.stride() == kernel.stride() for moment in moments)
    list(again.epochs())
    assert again.curves.train_loss == whole.curves.train_loss
    expected = whole.model.state_dict()
    assert all(torch.equal(v, expected[key]) for key, v in again.model.state_dict().items())


def test_the_product_of_nadams_momenta_stays_on_the_cpu():
    here = torch.nn.Parameter(torch.ones(3, 2))
    optimizer = NAdamW().make([here], fused=False)
    here.grad = torch.ones(3, 2)
    optimizer.step()
    elsewhere = torch.nn.Parameter(torch.ones(3, 2, device="meta"))
    again = NAdamW().make([elsewhere], fused=False)
    load_optimizer(again, optimizer.state_dict())
    found = again.state[elsewhere]
    assert torch.equal(found["mu_product"], optimizer.state[here]["mu_product"])
    assert found["exp_avg"].device.type == "meta"


def test_a_checkpoint_of_other_numbers_is_left_alone(quick, tmp_path):
    training = Training(job(tmp_path, recipe()), *quick, CPU)
    older = {key: value for key, value in training.state().items() if key != "format"}
    assert not training.set_state(older)
    assert training.set_state(training.state())

"""Every recipe: the same bytes from a checkpoint, and what it does to the weights."""

from __future__ import annotations

import copy
import dataclasses
import math

import pytest
import torch
from torch.optim.swa_utils import AveragedModel, update_bn

from runners.averaging import WeightAverage
from runners.checkpoint import load_checkpoint, save_checkpoint
from runners.training import Training
from search_spaces.augment import AUGMENTATIONS
from search_spaces.recipe import Ema, Swa
from search_spaces.spec import TrialSpec, build_augment
from support.tiny_trial import CPU, job, recipe

RECIPES = {
    "lion cosine ema": recipe(
        optimizer={"kind": "lion", "lr": 3e-4},
        recipe={"schedule": "cosine"},
        averaging={"kind": "ema", "span": 0.3},
    ),
    "nadamw focal balanced swa": recipe(
        optimizer={"kind": "nadamw"},
        recipe={"sampling": "balanced"},
        loss={"kind": "focal"},
        averaging={"kind": "swa", "start": 0.3},
    ),
    "sgd cosine": recipe(optimizer={"kind": "sgd"}, recipe={"schedule": "cosine"}),
    "every augmentation": dataclasses.replace(
        recipe(backbone={"kind": "test_convnext", "drop_path_rate": 0.2}),
        augment=build_augment({name: {} for name in AUGMENTATIONS}),
    ),
    "frozen at first": recipe(
        backbone={"kind": "test_resnet", "pretrained": True, "freeze": 0.3, "body_lr": 0.1}
    ),
}


def begin(made: TrialSpec, quick, pretrained, tmp_path) -> Training:
    weights = str(pretrained) if made.backbone.pretrained else None
    return Training(job(tmp_path, made, weights=weights), *quick, CPU)


def train(training: Training, *, until: int = 3) -> Training:
    for event in training.epochs():
        if event["event"] == "epoch" and event["epoch"] == until:
            break
    return training


@pytest.mark.parametrize("name", RECIPES)
def test_a_training_taken_up_from_a_checkpoint_gives_the_same_bytes(
    name, quick, pretrained, tmp_path
):
    made = RECIPES[name]
    whole = begin(made, quick, pretrained, tmp_path)
    for event in whole.epochs():
        if event["event"] == "epoch" and event["epoch"] == 2:
            save_checkpoint(whole.state(), tmp_path / "c")
    torch.rand(5)  # another state of the global generator
    again = begin(made, quick, pretrained, tmp_path)
    assert again.set_state(load_checkpoint(tmp_path / "c"))
    train(again)
    assert all(math.isfinite(loss) for loss in whole.curves.train_loss)
    assert again.curves.train_loss == whole.curves.train_loss
    for ours, theirs in zip(again.curves.devel, whole.curves.devel, strict=True):
        assert (ours == theirs).all()
    for network in ("model", "evaluated"):
        states = [getattr(t, network).state_dict() for t in (again, whole)]
        assert all(torch.equal(states[0][key], states[1][key]) for key in states[1])


def test_a_frozen_body_rests_and_is_then_trained_at_its_own_rate(quick, pretrained, tmp_path):
    made = RECIPES["frozen at first"]
    training = begin(made, quick, pretrained, tmp_path)
    net = training.model.backbone
    at_first = copy.deepcopy(net.state_dict())
    steps = training.epochs()
    head = ("fc.weight", "fc.bias")
    for epoch in (1, 2):
        next(steps), next(steps)
        now = net.state_dict()
        moved = {key for key in now if not torch.equal(now[key], at_first[key])}
        if epoch == 1:  # neither weights nor BatchNorm statistics
            assert moved == set(head)
        else:
            assert moved >= {"layer4.0.conv1.weight", "layer4.0.bn1.running_mean", *head}
    body = {id(p) for name, p in net.named_parameters() if name not in head}
    rates = {
        id(parameter) in body: group["lr"]
        for group in training.optimizer.param_groups
        for parameter in group["params"]
    }
    assert rates[True] == pytest.approx(0.1 * rates[False])
    assert training.schedule.get_last_lr()[0] == rates[False]  # the rate that is told


def test_the_norm_of_a_head_on_a_body_that_rests_takes_its_statistics(quick, pretrained, tmp_path):
    """Its features would else come in unstandardised, as far as 100 standard deviations off."""
    rests = {"kind": "test_resnet", "pretrained": True, "freeze": 1.0, "stages": 3, "head": "zero"}
    training = begin(recipe(backbone=rests), quick, pretrained, tmp_path)
    net = training.model.backbone
    at_first = copy.deepcopy(net.state_dict())
    train(training)
    now = net.state_dict()
    moved = {key for key in now if not torch.equal(now[key], at_first[key])}
    assert {key.split(".")[0] for key in moved} == {"classifier"}
    assert {"classifier.0.running_mean", "classifier.2.weight"} <= moved
    assert training.curves.devel_uar[-1] > 0.9


def test_without_pretrained_weights_there_is_nothing_to_freeze(quick, tmp_path):
    made = recipe(backbone={"kind": "test_resnet", "freeze": 1.0, "body_lr": 0.1})
    training = begin(made, quick, None, tmp_path)
    assert len({group["lr"] for group in training.optimizer.param_groups}) == 1
    assert not training.tuning.frozen(1)


def test_balanced_sampling_draws_classes_equally_often_and_needs_no_weights(quick, tmp_path):
    task, waveforms = quick
    rare = dataclasses.replace(task, labels={**task.labels, "train": (0,) * 42 + (1,) * 6})
    training = Training(
        job(tmp_path, recipe(recipe={"sampling": "balanced"})), rare, waveforms, CPU
    )
    assert training.weights is None
    drawn = torch.cat([training.clips.order(training.generator) for _ in range(40)])
    share = float((training.clips.labels[drawn] == 1).float().mean())
    assert share == pytest.approx(0.5, abs=0.05)  # SD 0.011


def two_networks():
    """A classifier's stand-in with BatchNorm, and random steps for its weights."""
    torch.manual_seed(0)
    net = torch.nn.Module()
    net.backbone = torch.nn.Sequential(
        torch.nn.Linear(4, 6), torch.nn.BatchNorm1d(6), torch.nn.ReLU(), torch.nn.Linear(6, 2)
    )
    batches = [torch.randn(16, 4) for _ in range(5)]

    def step():
        with torch.no_grad():
            for p in net.parameters():
                p.add_(0.1 * torch.randn_like(p))
            net.backbone(batches[0])

    return net, batches, step


def test_averaged_epochs_are_torchs_swa_with_its_batch_norm():
    net, batches, step = two_networks()
    ours = WeightAverage(net, Swa(start=0.5), steps=40, epochs=4)
    theirs = AveragedModel(net.backbone)
    for epoch in range(1, 5):
        step()
        ours.after_epoch(epoch, batches)
        assert ours.current is (net if epoch <= 2 else ours.average)
        if epoch > 2:
            theirs.update_parameters(net.backbone)
    update_bn(batches, theirs)
    expected = theirs.module.state_dict()
    for key, value in ours.average.backbone.state_dict().items():
        if value.is_floating_point():
            torch.testing.assert_close(value, expected[key])


def test_an_exponential_average_is_the_sum_it_stands_for_statistics_included():
    net, _, step = two_networks()
    kind = Ema(span=0.2)
    average = WeightAverage(net, kind, steps=20, epochs=2)
    assert average.current is net
    expected = None
    for n in range(20):
        step()
        now = {k: v.double().clone() for k, v in net.state_dict().items() if v.is_floating_point()}
        d = kind.decay(n, 20)
        expected = now if n == 0 else {k: d * expected[k] + (1 - d) * now[k] for k in now}
        average.after_step()
    found = average.current.state_dict()
    for key, value in expected.items():
        torch.testing.assert_close(found[key].double(), value, rtol=1e-4, atol=1e-5)


def test_the_averaged_weights_are_evaluated_and_kept(quick, tmp_path):
    training = train(begin(RECIPES["lion cosine ema"], quick, None, tmp_path), until=1)
    kept, raw = training.best, training.model.state_dict()
    assert any(not torch.equal(kept[key], raw[key]) for key in raw)
    average = training.average.average.state_dict()
    assert all(torch.equal(kept[key], average[key]) for key in kept)


def test_micro_batches_give_a_front_ends_own_weights_their_whole_gradient(quick, tmp_path):
    gradients = []
    for accumulate in (1, 4):
        made = recipe(backbone={"kind": "test_vit"}, image={"normalize": "clip"})
        training = Training(job(tmp_path, made, accumulate=accumulate), *quick, CPU)
        front_end = training.model.front_end
        gain = torch.nn.Parameter(torch.ones(()))
        front_end.register_forward_hook(lambda module, given, images, gain=gain: images * gain)
        training.model.train()
        training._step(torch.arange(16))
        gradients.append(float(gain.grad))
    assert gradients[0] != 0
    assert gradients[1] == pytest.approx(gradients[0], rel=1e-3)

"""Which parameters decay, and at which rate they are trained, beside timm's own grouping."""

from __future__ import annotations

import pytest
import timm
import torch
from timm.optim import param_groups_weight_decay

from runners.model import make_classifier
from runners.parameter_groups import Tuning
from support.tiny_trial import recipe

PCEN = {"kind": "pcen", "trainable": True}


def tuning(weights=None, **changes) -> Tuning:
    made = recipe(optimizer={"kind": "adamw", "weight_decay": 0.3}, **changes)
    model = make_classifier(made, sampling_rate=4000, n_samples=1600, n_classes=2, weights=weights)
    return Tuning(model, made)


def by_name(tuning: Tuning) -> dict[str, dict[str, float]]:
    """Return the group of every parameter of the network, each in one."""
    names = {id(p): name for name, p in tuning.model.named_parameters()}
    pairs = [(names[id(p)], group) for group in tuning.groups() for p in group["params"]]
    assert sorted(name for name, _ in pairs) == sorted(names.values())
    return dict(pairs)


@pytest.mark.parametrize("name", ["test_resnet", "test_convnext", "test_vit", "test_efficientnet"])
def test_what_decays_is_what_decays_in_timms_own_training(name):
    found = by_name(tuning(backbone={"kind": name}))
    net = timm.create_model(name)
    named = net.no_weight_decay() if hasattr(net, "no_weight_decay") else ()
    names = {id(p): n for n, p in net.named_parameters()}
    expected = {
        names[id(p)]: group["weight_decay"]
        for group in param_groups_weight_decay(net, 0.3, no_weight_decay_list=named)
        for p in group["params"]
    }
    assert len(set(expected.values())) == 2
    assert {
        key.removeprefix("backbone.").removeprefix("model."): group["weight_decay"]
        for key, group in found.items()
    } == expected


def test_a_network_behind_wrappers_has_its_position_embedding_spared():
    found = by_name(tuning(backbone={"kind": "test_vit"}, image={"transpose": True}))
    (position,) = [group for name, group in found.items() if name.endswith("pos_embed")]
    assert position["weight_decay"] == 0


def test_what_pcen_learns_decays_to_its_first_value():
    found = by_name(tuning(backbone={"kind": "test_resnet"}, amplitude=PCEN))
    learnt = [group for name, group in found.items() if name.startswith("front_end.")]
    assert [group["weight_decay"] for group in learnt] == [0.3, 0.3]


def test_head_and_front_end_have_the_rate_and_the_body_its_share_of_it(pretrained):
    backbone = {"kind": "test_resnet", "pretrained": True, "body_lr": 0.1}
    made = tuning(pretrained, backbone=backbone, amplitude=PCEN)
    found = by_name(made)
    rate = made.spec.optimizer.lr
    for name, group in found.items():
        whole = name.startswith(("front_end.", "backbone.fc."))
        assert group["lr"] == pytest.approx(rate if whole else 0.1 * rate)
    assert found["backbone.fc.weight"]["weight_decay"] == 0.3
    assert found["backbone.fc.bias"]["weight_decay"] == 0
    assert found["backbone.layer1.0.conv1.weight"]["weight_decay"] == 0.3
    assert found["backbone.layer1.0.bn1.weight"]["weight_decay"] == 0
    assert made.groups()[0]["lr"] == rate  # the rate that is told is the first group's


def test_without_gradients_gains_stay_and_kernels_shrink():
    made = tuning(backbone={"kind": "test_resnet"})
    net = made.model.backbone
    before = {name: p.detach().clone() for name, p in net.named_parameters()}
    optimizer = made.spec.optimizer.make(made.groups(), fused=True)
    for parameter in net.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    now = dict(net.named_parameters())
    assert torch.equal(now["layer1.0.bn1.weight"], before["layer1.0.bn1.weight"])
    shrunk = now["layer1.0.conv1.weight"].detach().norm() / before["layer1.0.conv1.weight"].norm()
    assert float(shrunk) == pytest.approx(1 - made.spec.optimizer.lr * 0.3)

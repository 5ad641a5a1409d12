"""The early stages of a network as a backbone: fewer layers, the same weights, rows apart."""

from __future__ import annotations

import pytest
import timm
import torch
from safetensors.torch import save_file

from search_spaces.backbones.backbones import Timm, head_parameters
from search_spaces.backbones.early_stages import EarlyStages


def make(name="test_resnet", size=(64, 96), in_chans=3, weights=None, **options) -> EarlyStages:
    return Timm(name, **options).make(in_chans=in_chans, n_classes=3, size=size, weights=weights)


@pytest.mark.parametrize("name", ["test_resnet", "test_efficientnet", "test_convnext", "vgg11_bn"])
@pytest.mark.parametrize("stages", [2, 3])
def test_features_are_those_of_the_whole_network_at_that_stage(tmp_path, name, stages):
    torch.manual_seed(1)
    whole = timm.create_model(name).eval()
    save_file(whole.state_dict(), tmp_path / "w.safetensors")
    net = make(name, pretrained="w", stages=stages, weights=tmp_path / "w.safetensors").eval()
    images = torch.randn(2, 3, 64, 96)
    with torch.no_grad():
        wanted = whole.forward_intermediates(images, intermediates_only=True)[stages - 1]
        maps = net.forward_features(images)
    torch.testing.assert_close(maps, wanted)
    assert torch.equal(net(images), net.forward_head(maps))
    sizes = [sum(p.numel() for p in one.parameters()) for one in (net.body, whole)]
    assert sizes[0] < sizes[1] / 2  # the later stages are gone


def test_rows_stay_apart_and_columns_are_mean_and_deviation():
    net = make(stages=3).eval()
    n_channels = net.forward_features(torch.zeros(1, 3, 64, 96)).shape[1]
    maps = torch.randn(2, n_channels, 8, 12)
    one = net.forward_head(maps)
    with torch.no_grad():
        std, mean = torch.std_mean(maps, dim=3, correction=0)
        wanted = net.classifier(torch.cat([mean, std], 1).flatten(1))
    torch.testing.assert_close(one, wanted, rtol=1e-4, atol=1e-4)
    assert not torch.allclose(net.forward_head(maps.flip(2)), one, atol=1e-2)


def test_rows_that_do_not_vary_have_a_finite_gradient():
    maps = torch.zeros(2, make(stages=3).classifier[2].in_features // 16, 8, 12).requires_grad_()
    make(stages=3).eval().forward_head(maps).sum().backward()
    assert maps.grad.isfinite().all()


def test_the_head_is_the_classifier_alone_and_begins_at_zero_where_asked():
    net = make(stages=2, head="zero", drop_rate=0.3)
    assert [p.ndim for p in head_parameters(net)] == [2, 1]
    assert not any(p.any() for p in head_parameters(net))
    assert net.classifier[1].p == 0.3
    assert net.training
    assert net.body.training


@pytest.mark.parametrize(("name", "stages"), [("test_resnet", 9), ("mixer_s32_224", 20)])
def test_stages_that_a_network_does_not_have_are_told_before_a_study(name, stages):
    with pytest.raises(ValueError, match=rf"stages must be .*, got stages={stages}"):
        Timm(name, stages=stages).fit(in_chans=1, size=(64, 96))

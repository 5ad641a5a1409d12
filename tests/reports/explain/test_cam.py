"""Class activation maps, judged by the logits they must add up to."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from reports.explain.cam import LEAST_ROWS, class_maps, find_stage, has_maps, svm_map
from search_spaces.backbones.backbones import BandStatistics, PaddedImages, Timm
from search_spaces.front_end.turning import FLIPS, Turned, turn
from support.explain_networks import network, swin

POOLING_AND_LINEAR = (
    "test_resnet",
    "test_efficientnet",
    "test_efficientnet_gn",
    "test_byobnet",
    "test_nfnet",
    "test_coatnet",
    "test_maxvit",
)


@pytest.fixture
def images() -> torch.Tensor:
    return torch.randn(4, 2, 64, 96, generator=torch.Generator().manual_seed(1))


def check_sum(model: nn.Module, images: torch.Tensor) -> None:
    weights = torch.randn(len(images), 3, generator=torch.Generator().manual_seed(2))
    maps = class_maps(model, images, weights, stage=find_stage(model, images))
    bias = weights @ model.get_classifier().bias
    torch.testing.assert_close(maps.hires.sum((1, 2)) + bias, maps.score, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close((model(images) * weights).sum(1), maps.score)


@pytest.mark.parametrize("name", POOLING_AND_LINEAR)
def test_hirescam_and_bias_sum_to_the_logits_where_the_head_is_pooling_and_linear(name, images):
    options = {"img_size": (64, 96)} if name in ("test_coatnet", "test_maxvit") else {}
    check_sum(network(name, **options), images)


def test_the_sum_holds_for_a_swin_whose_channels_lie_last(images):
    model = swin()
    assert find_stage(model, images).rows == 16
    check_sum(model, images)


@pytest.mark.parametrize("name", ["test_resnet", "test_convnext", "test_mambaout"])
def test_layercam_is_the_formula_of_its_paper(name, images):
    model = network(name)
    stage = find_stage(model, images)
    assert (stage.stride, stage.rows) == (4, LEAST_ROWS)
    weights = torch.eye(3)[torch.tensor([0, 1, 2, 0])]
    kept = []

    def keep(module, inputs, output):
        kept.append(output)
        output.retain_grad()

    with torch.enable_grad():
        hook = model.get_submodule(stage.module).register_forward_hook(keep)
        (model(images.requires_grad_()) * weights).sum().backward()
        hook.remove()
    axis = 3 if name == "test_mambaout" else 1
    expected = (kept[0].grad.relu() * kept[0]).sum(axis).relu().detach()
    found = class_maps(model, images.detach(), weights, stage=stage).layer
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)
    assert found.max() > 0


def test_a_stage_with_enough_rows_is_taken():
    model = network("test_resnet")
    assert find_stage(model, torch.randn(1, 2, 128, 96)).stride == 8
    assert find_stage(model, torch.randn(1, 2, 64, 96)).stride == 4


def test_early_stages_have_maps_and_their_own_stages(images):
    early = Timm("test_resnet", stages=3).make(
        in_chans=images.shape[1], n_classes=3, size=tuple(images.shape[2:]), weights=None
    )
    early.eval()
    assert has_maps(early, images)
    assert find_stage(early, images).module.startswith("body.layer")
    maps = class_maps(early, images, torch.eye(3)[:1].expand(len(images), 3), stage=None)
    assert maps.hires.shape[0] == len(images)
    assert torch.isfinite(maps.hires).all()


def test_transformers_on_patches_have_no_maps(images):
    assert not has_maps(network("test_vit", img_size=(64, 96)), images)
    assert has_maps(network("test_resnet"), images)


class Halves(nn.Module):
    """A network whose head is off by a part of its logits."""

    def __init__(self, size: float, off: float) -> None:
        super().__init__()
        self.size, self.off = size, off

    def forward_features(self, images: torch.Tensor) -> torch.Tensor:
        return images

    def forward_head(self, features: torch.Tensor) -> torch.Tensor:
        return self(features) * (1 + self.off)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.size * images.flatten(1)[:, :3]


@pytest.mark.parametrize(("size", "off", "has"), [(1e3, 1e-3, True), (1e-4, 1.0, False)])
def test_halves_of_a_network_agree_in_proportion_to_its_logits(size, off, has, images):
    assert has_maps(Halves(size, off), images) == has  # as far off as TensorFloat-32, or as wrong


@pytest.mark.parametrize("flip", FLIPS)
@pytest.mark.parametrize("transpose", [False, True])
def test_maps_lie_as_the_image_does_however_the_network_sees_it(flip, transpose, images):
    model = network("test_resnet")
    weights = torch.eye(3)[torch.tensor([0, 1, 2, 0])]
    turned = Turned(model, flip=flip, transpose=transpose)
    seen = turn(images, flip=flip, transpose=transpose)
    stage = find_stage(turned, images)
    assert stage.rows == 64 // stage.stride  # along frequency
    plain = class_maps(model, seen, weights, stage=stage)
    found = class_maps(turned, images, weights, stage=stage)
    for lying, map_ in ((plain.layer, found.layer), (plain.hires, found.hires)):
        assert torch.equal(turn(map_, flip=flip, transpose=transpose), lying)
    assert has_maps(turned, images)


def test_what_lies_in_padding_is_left_out_and_the_rest_keeps_its_place(images):
    model = network("test_resnet")
    padded = PaddedImages(model, (96, 128))
    weights = torch.eye(3)[torch.tensor([0, 1, 2, 0])]
    stage = find_stage(padded, images)
    found = class_maps(padded, images, weights, stage=stage).layer
    whole = class_maps(
        model, nn.functional.pad(images, (0, 32, 0, 32)), weights, stage=stage
    ).layer  # fmt: skip
    torch.testing.assert_close(found, whole[:, :16, :24])


def test_a_row_that_is_half_padding_counts_its_half():
    # 48 of 64 rows are image: with 2 rows of a map, all of the first and half of the second.
    model = network("test_resnet")
    padded = PaddedImages(model, (64, 96))
    images = torch.randn(2, 2, 48, 96, generator=torch.Generator().manual_seed(3))
    weights = torch.eye(3)[torch.tensor([0, 1])]
    found = class_maps(padded, images, weights, stage=None).hires
    full = nn.functional.pad(images, (0, 0, 0, 16))
    whole = class_maps(model, full, weights, stage=None).hires
    expected = whole[:, 0].sum(1) + whole[:, 1].sum(1) / 2
    torch.testing.assert_close(found.sum((1, 2)), expected, rtol=1e-4, atol=1e-6)


def test_a_linear_machine_is_its_own_map(images):
    torch.manual_seed(0)
    machine = BandStatistics(2 * 64 * 2, 3).eval().requires_grad_(False)
    machine.norm.running_mean.normal_()
    machine.norm.running_var.uniform_(0.5, 2)
    weights = torch.randn(4, 3)
    maps = svm_map(machine, images, weights)
    assert maps.hires.shape == (4, 64, 2)  # a column for each channel
    total = maps.hires.sum((1, 2)) + weights @ machine.linear.bias
    torch.testing.assert_close(total, (machine(images) * weights).sum(1), rtol=1e-4, atol=1e-4)
    with torch.no_grad():
        machine.linear.weight.view(3, 2, 2, 64)[:, :, :, :40] = 0  # hears its upper bands alone
    assert svm_map(machine, images, weights).hires[:, :40].abs().max() == 0

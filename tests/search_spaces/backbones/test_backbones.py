"""Backbones: any timm network, or the reason why not."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
import timm
import torch
from torch import nn

from runners.model import make_classifier
from search_spaces import TrialSpec
from search_spaces.augment import AUGMENTATIONS
from search_spaces.backbones.backbones import (
    BACKBONES,
    BandSvm,
    Timm,
    family,
    head_parameters,
    likes_channels_last,
)
from search_spaces.backbones.families import FAMILIES, family_of
from search_spaces.backbones.image_fit import PaddedImages, fit_images
from search_spaces.front_end.turning import Turned
from search_spaces.grammar.errors import InputError
from search_spaces.grammar.kinds import fields_of
from search_spaces.grid import grid_specs
from search_spaces.space_yaml import parse_space


def make(name: str, size: tuple[int, int] = (64, 96), *, in_chans: int = 1, **options):
    backbone = Timm(name, **options)
    return backbone.make(in_chans=in_chans, n_classes=3, size=size, weights=None)


def documented() -> dict[str, list[str]]:
    """A small, a usual and a large network of each family, as the documentation has them."""
    text = (Path(__file__).parents[3] / "docs" / "search-space.md").read_text()
    lines = text[text.index("| family |") :].split("\n\n")[0].splitlines()[2:]
    cells = [line.strip("| ").split(" | ") for line in lines]
    return {name: networks.replace("`", "").split(", ") for name, networks in cells}


@pytest.mark.parametrize("row", FAMILIES, ids=lambda row: row.name)
def test_every_family_is_known_to_timm_and_takes_the_images_that_it_is_said_to_like(row):
    examples = documented()[row.name]
    assert len(examples) == 3
    assert all(timm.is_model(name) for name in examples)
    assert all(family_of(name) is row for name in examples)
    assert fit_images(examples[0], (64, 96), (("in_chans", 3),)).size == (64, 96)
    assert {name for name in timm.list_models() if name.startswith(row.prefixes)}


@pytest.mark.parametrize("name", [names[0] for row, names in documented().items() if row != "vgg"])
@pytest.mark.slow
def test_the_smallest_of_a_family_trains_a_step(name):
    torch.manual_seed(0)
    net = make(name, in_chans=3)
    loss = torch.nn.functional.cross_entropy(net(torch.randn(4, 3, 64, 96)), torch.arange(4) % 3)
    loss.backward()
    assert bool(loss.isfinite())
    assert all(p.grad.isfinite().all() for p in head_parameters(net))


@pytest.mark.parametrize(
    ("name", "size", "taken"),
    [
        ("test_resnet", (33, 47), (33, 47)),  # as it is
        ("test_vit", (33, 47), (64, 64)),  # told its size: the next multiple of 32
        ("dla34", (64, 100), (64, 128)),  # padded
        ("nest_tiny", (64, 100), (128, 128)),  # squares only
        ("inception_v4", (64, 100), (128, 128)),  # nothing left of a smaller one
    ],
)
def test_images_are_padded_as_little_as_a_network_needs(name, size, taken):
    assert fit_images(name, size, (("in_chans", 1),)).size == taken


def test_a_padded_network_gives_what_it_gives_for_the_padded_image():
    torch.manual_seed(0)
    net = make("test_vit", (33, 47)).eval()
    assert isinstance(net, PaddedImages)
    images = torch.randn(2, 1, 33, 47)
    padded = torch.zeros(2, 1, 64, 64)
    padded[:, :, :33, :47] = images
    torch.testing.assert_close(net(images), net.model(padded))


def test_trying_a_network_draws_no_random_numbers():
    torch.manual_seed(3)
    expected = torch.rand(3)
    torch.manual_seed(3)
    fit_images("test_convnext", (40, 56), (("in_chans", 1),))
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize(
    ("space", "sentence"),
    [
        (
            {"backbone": {"densenet121": {"drop_path_rate": [0.0, 0.1]}}},
            "backbone.densenet121: densenet121 has no drop_path_rate",
        ),
        (
            {"backbone": {"densenet121": {"drop_path_rate": [0.1, 0.0]}}},
            "backbone.densenet121: densenet121 has no drop_path_rate",
        ),
        (
            {"backbone": ["resnet18", "csatv2"], "image": {"height": 40, "width": 50}},
            "backbone.csatv2: csatv2 takes no images of 40 x 50 pixels: ",
        ),  # it takes images of its own size alone
        (
            {"baselines": {"x": {"backbone": {"vgg11": {"drop_path_rate": 0.2}}}}},
            "baselines.x: vgg11 has no drop_path_rate",
        ),
    ],
)
@pytest.mark.filterwarnings("ignore::UserWarning:timm")
def test_a_network_that_cannot_be_is_refused_before_the_study_with_the_reason(space, sentence):
    with pytest.raises(InputError) as caught:
        parse_space(space).check(sampling_rate=8000, clip_seconds=0.5)
    assert sentence in str(caught.value)


@dataclass(frozen=True)
class Pooled:
    """A backbone that is not in timm."""

    pixels: int = 4

    def make(self, *, in_chans: int, n_classes: int, size: tuple[int, int], weights: Path | None):
        """Return the network."""
        pool = nn.AdaptiveAvgPool2d(self.pixels)
        return nn.Sequential(pool, nn.Flatten(), nn.Linear(in_chans * self.pixels**2, n_classes))


def test_a_backbone_of_ones_own_is_a_dataclass_and_a_row(monkeypatch):
    monkeypatch.setitem(BACKBONES.kinds, "pooled", Pooled)
    space = parse_space({"backbone": {"pooled": {"pixels": [2, 4]}}, "baselines": {}})
    space.check(sampling_rate=8000)
    (spec, other) = grid_specs(space)
    assert (spec.family, spec.label) == ("pooled", "linear-mono pooled")
    assert TrialSpec.from_dict(other.to_dict()) == other != spec
    model = make_classifier(other, sampling_rate=8000, n_samples=8000, n_classes=3)
    assert model(torch.zeros(2, 8000)).shape == (2, 3)
    assert isinstance(model.backbone[0], nn.AdaptiveAvgPool2d)


def test_an_unknown_network_is_refused_with_the_nearest():
    with pytest.raises(InputError, match=r"unknown backbone 'resnt18' \(did you mean resnet18\?\)"):
        parse_space({"backbone": "resnt18"})


def test_stochastic_depth_reaches_the_blocks():
    drops = [m.drop_prob for m in make("convnext_atto", drop_path_rate=0.2).modules()
             if type(m).__name__ == "DropPath"]  # fmt: skip
    assert max(drops) == pytest.approx(0.2)


@pytest.mark.parametrize("name", ["test_resnet", "test_vit", "test_efficientnet", "test_convnext"])
def test_the_head_is_what_the_number_of_classes_changes(name):
    net = make(name, (33, 47))
    other = Timm(name).make(in_chans=1, n_classes=5, size=(33, 47), weights=None)
    shapes = {n: p.shape for n, p in other.named_parameters()}
    changed = {id(p) for n, p in net.named_parameters() if shapes[n] != p.shape}
    assert {id(p) for p in head_parameters(net)} >= changed
    assert sum(p.numel() for p in head_parameters(net)) < 0.2 * sum(
        p.numel() for p in net.parameters()
    )


def test_the_head_is_found_behind_padding_and_turning():
    net = Turned(make("test_vit", (33, 47)), flip="frequency", transpose=False)
    assert isinstance(net.model, PaddedImages)
    found = {id(p) for p in head_parameters(net)}
    assert found == {id(p) for p in net.model.model.get_classifier().parameters()}
    assert len(found) == 2


def test_the_documentation_lists_the_families():
    assert list(documented()) == [row.name for row in FAMILIES]


def test_the_documentation_lists_every_augmentation_with_its_parameters():
    text = (Path(__file__).parents[3] / "docs" / "search-space.md").read_text()
    table = text[text.index("### Augmentation") : text.index("### Backbones")]
    for name, kind in AUGMENTATIONS.items():
        line = next(
            line
            for line in table.splitlines()
            if f"`{name}`" in line.partition("| ")[2].partition(" |")[0]
        )
        parameters = [key for key in fields_of(kind) if key != "p"]
        assert all(f"`{key}`" in line for key in parameters), name


def test_families_stratify_and_say_who_likes_channels_last():
    names = ["resnet18", "resnext50_32x4d", "convnextv2_atto", "tf_efficientnetv2_s", "vit_tiny_x"]
    found = [family(Timm(name)) for name in names]
    assert found == ["resnet", "resnet", "convnext", "efficientnet", "vit"]
    assert family(Timm("test_resnet")) == "test_resnet"
    assert not likes_channels_last(Timm("regnety_002"))
    assert likes_channels_last(Timm("resnet18"))
    assert likes_channels_last(BandSvm())


@pytest.mark.parametrize("name", ["test_resnet", "test_efficientnet", "test_vit", "levit_128s"])
def test_a_head_of_zeros_says_nothing_at_first_and_learns(name):
    """The rest is as timm draws it, so that `head` alone differs."""
    torch.manual_seed(3)
    drawn = make(name, (224, 224), in_chans=3).train()
    torch.manual_seed(3)
    zero = make(name, (224, 224), in_chans=3, head="zero").train()
    head = {id(p) for p in head_parameters(zero)}
    for (key, one), other in zip(zero.named_parameters(), drawn.parameters(), strict=True):
        assert id(one) in head or torch.equal(one, other), key
    logits = zero(torch.randn(2, 3, 224, 224))
    assert not logits.any()
    torch.nn.functional.cross_entropy(logits, torch.tensor([0, 2])).backward()
    assert all(p.grad.any() for p in head_parameters(zero) if p.ndim == 2)


@pytest.mark.parametrize(
    "values", [{"head": "cold"}, {"drop_path_rate": 1.0}, {"freeze": 2.0}, {"body_lr": 0.0}]
)
def test_values_out_of_range_are_refused(values):
    with pytest.raises(InputError, match=next(iter(values))):
        BACKBONES.build("resnet18", values)

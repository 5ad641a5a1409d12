"""Files of pretrained weights: what lacks tensors of a network is refused before the study."""

from __future__ import annotations

from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file

from search_spaces.backbones.backbones import Timm
from search_spaces.grammar.errors import InputError
from study.planning.pretrained import resolve_weights


def saved(folder: Path, network: str, change=lambda state: state, **options) -> Timm:
    """Write a network's weights; return a `test_resnet` that asks for them."""
    torch.manual_seed(5)
    state = timm.create_model(network, **options).state_dict()
    save_file(change(state), folder / "w.safetensors")
    return Timm("test_resnet", pretrained="w.safetensors")


@pytest.mark.parametrize("options", [{}, {"num_classes": 7}, {"num_classes": 0}, {"in_chans": 3}])
def test_weights_of_the_network_are_taken_whatever_their_head(tmp_path, options):
    backbone = saved(tmp_path, "test_resnet", **options)
    (weights,) = resolve_weights([backbone], folder=tmp_path).values()
    network = backbone.make(
        in_chans=3, n_classes=2, size=(64, 64), weights=Path(weights.path)
    ).state_dict()
    torch.manual_seed(5)
    wanted = timm.create_model("test_resnet", **options).state_dict()
    body = [name for name in network if not name.startswith("fc.")]
    assert all(torch.equal(network[name], wanted[name]) for name in body)


@pytest.mark.parametrize(
    ("network", "change", "sentence"),
    [
        ("test_vit", lambda s: s, "w.safetensors lacks "),
        (
            "test_resnet",
            lambda s: {f"backbone.{name}": tensor for name, tensor in s.items()},
            "w.safetensors lacks ",
        ),
        (
            "test_resnet",
            lambda s: {name: tensor for name, tensor in s.items() if "layer4" not in name},
            "tensors of test_resnet, the first layer4.",
        ),
        (
            "test_resnet",
            lambda s: s | {"layer1.0.conv1.weight": torch.zeros(2, 2)},
            "holds no weights of test_resnet: Error(s) in loading",
        ),
    ],
)
def test_weights_of_another_network_are_refused(tmp_path, network, change, sentence):
    backbone = saved(tmp_path, network, change)
    with pytest.raises(InputError) as caught:
        resolve_weights([backbone], folder=tmp_path)
    assert str(caught.value).startswith("backbone.test_resnet.pretrained: ")
    assert sentence in str(caught.value)


def test_a_file_that_is_no_safetensors_is_refused(tmp_path):
    (tmp_path / "w.safetensors").write_bytes(b"no weights")
    with pytest.raises(InputError, match=r"w.safetensors holds no weights of test_resnet: "):
        resolve_weights([Timm("test_resnet", pretrained="w.safetensors")], folder=tmp_path)

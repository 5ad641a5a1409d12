"""Where the rows of a map lie, judged by changing one band of an image and looking who noticed."""

from __future__ import annotations

import numpy as np
import pytest
import timm
import torch
from torch import nn

from reports.explain.axes import FrequencyAxis
from reports.explain.cam import find_stage
from reports.explain.inputs import Network
from reports.explain.maps import Mapper
from reports.explain.rows import row_offset
from runners.model import make_classifier
from search_spaces.backbones.backbones import PaddedImages
from search_spaces.front_end.turning import FLIPS, Turned
from search_spaces.spec import TrialSpec

RATE, N_BANDS = 16_000, 128
FINE = FrequencyAxis("linear", tuple(np.linspace(0, RATE / 2, 161).tolist()))
NETWORKS = ("test_efficientnet", "test_convnext")  # strided and padded as a ResNet; patches


@pytest.fixture(params=NETWORKS)
def classifier(request):
    torch.manual_seed(0)
    spec = TrialSpec.from_dict(
        {"scale": {"kind": "linear", "n_bands": N_BANDS}, "backbone": {"kind": request.param}}
    )
    return make_classifier(spec, sampling_rate=RATE, n_samples=RATE, n_classes=2).eval()


def features(network: nn.Module, images: torch.Tensor, module: str | None) -> torch.Tensor:
    kept = []
    watched = None if module is None else network.get_submodule(module)
    hook = watched and watched.register_forward_hook(lambda *args: kept.append(args[-1].clone()))
    last = network.forward_features(images)
    if hook:
        hook.remove()
    return kept[0] if kept else last


@pytest.mark.parametrize(("kind", "within_hz"), [("layercam", 50), ("hirescam", 150)])
@torch.no_grad()
def test_what_changes_in_one_band_is_put_at_that_band(classifier, kind, within_hz):
    waves = 0.1 * torch.randn(1, RATE, generator=torch.Generator().manual_seed(1))
    network = Network(0, "net", None, (classifier,))
    mapper = Mapper.from_model(network, classifier, waves)
    images, backbone = classifier.front_end(waves), classifier.backbone
    module = mapper.stage.module if kind == "layercam" else None
    before, found = features(backbone, images, module), []
    for band in range(24, 104):  # what is lost at both ends cancels
        changed = images.clone()
        changed[:, :, band] += 1.5
        noticed = (features(backbone, changed, module) - before).pow(2).sum(1)
        shares = mapper.fractions(kind, noticed, FINE)[0].double().numpy()
        middles = np.array(FINE.edges_hz[:-1]) + 25
        found.append(shares @ middles - mapper.centres[0][band])
    assert abs(np.mean(found)) < within_hz  # half a row is 250 Hz, or 1000


@pytest.fixture(scope="module")
def strided():
    torch.manual_seed(0)
    return timm.create_model("resnet18", in_chans=1, num_classes=2).eval().requires_grad_(False)


def test_rows_of_padded_strided_convolutions_are_centred_on_the_first_of_their_pixels(strided):
    images = torch.randn(1, 1, 128, 64, generator=torch.Generator().manual_seed(1))
    stage = find_stage(strided, images)
    assert row_offset(strided, images, stage.module) * 128 == pytest.approx(-3.5, abs=0.25)
    assert row_offset(strided, images, None) * 128 == pytest.approx(-15.5, abs=1)


@pytest.mark.parametrize("flip", FLIPS)
@pytest.mark.parametrize("transpose", [False, True])
def test_rows_are_off_the_other_way_where_the_image_is_upside_down(strided, flip, transpose):
    images = torch.randn(1, 1, 128, 64, generator=torch.Generator().manual_seed(1))
    turned = Turned(strided, flip=flip, transpose=transpose)
    stage = find_stage(turned, images)
    expected = (0.5 if -2 in FLIPS[flip] else -0.5) * (stage.stride - 1)
    assert row_offset(turned, images, stage.module) * 128 == pytest.approx(expected, abs=0.3)


def test_padding_does_not_move_rows(strided):
    images = torch.randn(1, 1, 96, 64, generator=torch.Generator().manual_seed(1))
    padded = PaddedImages(strided, (128, 64))
    stage = find_stage(padded, images)
    found = row_offset(padded, images, stage.module) * 96
    assert found == pytest.approx(-(stage.stride - 1) / 2, abs=0.3)


def test_a_network_of_one_size_is_measured_at_that_size():
    torch.manual_seed(0)
    network = timm.create_model("test_maxvit", in_chans=1, num_classes=2, img_size=(64, 96)).eval()
    images = torch.randn(1, 1, 64, 96, generator=torch.Generator().manual_seed(1))
    assert abs(row_offset(network, images, None) * 64) < 32


def test_a_network_that_hears_nothing_has_no_offset(strided):
    class Deaf(nn.Module):
        def forward_features(self, images: torch.Tensor) -> torch.Tensor:
            return images[:, :, ::8, ::8] * 0

    assert row_offset(Deaf(), torch.randn(1, 1, 64, 64), None) == 0.0

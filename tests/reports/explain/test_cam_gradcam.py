"""A maintained library as the judge of the maps; it lies beside the environment, not in it:

.venv/bin/uv pip install --no-deps --target judge grad-cam ttach opencv-python-headless
PYTHONPATH=judge .venv/bin/python -m pytest tests/reports/explain/test_cam_gradcam.py
"""

from __future__ import annotations

import numpy as np
import pytest
import torch

from reports.explain.cam import class_maps, find_stage
from support.explain_networks import network, swin

library = pytest.importorskip("pytorch_grad_cam", reason="grad-cam is not installed")

SIZE = (96, 64)  # width and height, as the library has them


def theirs(kind, model, layer, images, classes, reshape=None) -> np.ndarray:
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    model.requires_grad_(True)
    with kind(model=model, target_layers=[layer], reshape_transform=reshape) as judge:
        found = judge(images.clone(), targets=[ClassifierOutputTarget(code) for code in classes])
    model.requires_grad_(False)
    return found


def as_theirs(maps: torch.Tensor) -> np.ndarray:
    """Cut at zero, stretched to the image, scaled to 0..1; done twice, as they do."""
    from pytorch_grad_cam.utils.image import scale_cam_image

    return scale_cam_image(scale_cam_image(maps.relu().numpy(), SIZE))


@pytest.fixture
def images() -> torch.Tensor:
    return torch.randn(3, 2, 64, 96, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("name", ["test_resnet", "test_efficientnet", "test_convnext"])
def test_layercam_agrees_on_three_backbones(name, images):
    model, classes = network(name), [0, 1, 2]
    stage = find_stage(model, images)
    ours = class_maps(model, images, torch.eye(3)[classes], stage=stage).layer
    layer = model.get_submodule(stage.module)
    found = theirs(library.LayerCAM, model, layer, images, classes)
    np.testing.assert_allclose(as_theirs(ours), found, atol=1e-4)


@pytest.mark.parametrize(
    ("name", "layer"),
    [("test_resnet", "layer4"), ("test_byobnet", "final_conv"), ("test_convnext", "stages.3")],
)
def test_hirescam_agrees_on_three_backbones(name, layer, images):
    model, classes = network(name), [2, 1, 0]
    ours = class_maps(model, images, torch.eye(3)[classes], stage=None).hires
    found = theirs(library.HiResCAM, model, model.get_submodule(layer), images, classes)
    np.testing.assert_allclose(as_theirs(ours), found, atol=1e-4)


def test_on_swin_it_agrees_only_if_it_is_told_where_the_channels_are(images):
    model, classes = swin(), [0, 1, 2]
    stage = find_stage(model, images)
    ours = as_theirs(class_maps(model, images, torch.eye(3)[classes], stage=stage).layer)
    layer = model.get_submodule(stage.module)
    told = theirs(
        library.LayerCAM, model, layer, images, classes, reshape=lambda t: t.permute(0, 3, 1, 2)
    )
    np.testing.assert_allclose(ours, told, atol=1e-4)
    untold = theirs(library.LayerCAM, model, layer, images, classes)  # no error, no warning
    assert np.abs(ours - untold).max() > 0.2

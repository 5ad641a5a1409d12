"""Networks and clips for the passes of an explanation, without training; imported by tests."""

from __future__ import annotations

import numpy as np
import timm
import torch
from torch import nn

from reports.explain.inputs import ExplainInputs, Network, System
from runners.model import make_classifier
from search_spaces.spec import TrialSpec
from support.clips import clips_of

RATE = 8000
CLASSES = ("a", "b", "c")
BACKBONES = ({"kind": "test_resnet"}, {"kind": "band_svm"})


def random_networks(*, n_folds: int = 1, transformer: bool = False) -> tuple[Network, ...]:
    """A network and a linear machine of random weights, one of each for every fold.

    Args:
        n_folds: 1 where devel is held out.
        transformer: Add one, which has no map.
    """
    networks = []
    for number, backbone in enumerate(
        (*BACKBONES, *([{"kind": "test_vit"}] if transformer else []))
    ):
        models = []
        for fold in range(n_folds):
            spec = TrialSpec.from_dict(
                {
                    "spectrogram": {"hop_ms": 16.0},
                    "scale": {"kind": ("linear", "mel")[number % 2], "n_bands": 64},
                    "backbone": backbone,
                    "seed": 10 * number + fold,
                }
            )
            model = make_classifier(
                spec, sampling_rate=RATE, n_samples=RATE // 2, n_classes=len(CLASSES)
            ).eval()
            with torch.no_grad():
                for weights in model.backbone.parameters():
                    weights.mul_(1.5)  # so that probabilities differ
            models.append(model.requires_grad_(False))
        networks.append(Network(number, spec.label, spec, tuple(models)))
    return tuple(networks)


def noisy_inputs(networks: tuple[Network, ...], *, n_clips: int = 24) -> ExplainInputs:
    """Clips of coloured noise, every third one of two windows, in mixed folds."""
    rng = np.random.default_rng(0)
    waves = []
    for number in range(n_clips):
        wave = rng.normal(0, 0.1, RATE if number % 3 == 0 else RATE // 2)
        waves.append(wave if number % 2 else np.convolve(wave, [0.5, 0.5], "same"))
    n_folds = len(networks[0].models)
    n = len(networks)
    return ExplainInputs(
        name="noise",
        classes=CLASSES,
        clips=clips_of(waves, RATE),
        positions=tuple(range(n_clips)),
        file_names=tuple(f"{number}.wav" for number in range(n_clips)),
        labels=tuple(number % len(CLASSES) for number in range(n_clips)),
        speakers=tuple(f"s{number // 4}" for number in range(n_clips)),
        folds=tuple(rng.integers(0, n_folds, n_clips).tolist()) if n_folds > 1 else None,
        clip_seconds=0.5,
        pad="repeat",
        networks=networks,
        systems=(
            System("winner", "the winner", (1.0, *(0.0,) * (n - 1))),
            System("fusion", f"the fusion of {n}", (1 / n,) * n),
        ),
        simulated=True,
        provenance={},
    )


def network(name: str, **options) -> nn.Module:
    torch.manual_seed(0)
    model = timm.create_model(name, in_chans=2, num_classes=3, **options).eval()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 1.5)
    return model.requires_grad_(False)


def swin() -> nn.Module:
    from timm.models.swin_transformer import SwinTransformer

    torch.manual_seed(0)
    model = SwinTransformer(
        img_size=(64, 96), in_chans=2, num_classes=3, embed_dim=24, depths=(1, 1), num_heads=(2, 2),
        window_size=4,
    )  # fmt: skip
    return model.eval().requires_grad_(False)

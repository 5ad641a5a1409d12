"""The network of a trial: front end and backbone, and its weights as a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from search_spaces.backbones.backbones import BandStatistics, BandSvm
from search_spaces.front_end.front_end import FrontEnd
from search_spaces.grammar.bounded_file import check_regular
from search_spaces.grammar.errors import InputError
from search_spaces.spec import TrialSpec


class Classifier(nn.Module):
    """Waveforms (clips, samples) to logits (clips, classes)."""

    def __init__(self, front_end: FrontEnd, backbone: nn.Module) -> None:
        super().__init__()
        self.front_end = front_end
        self.backbone = backbone

    def forward(self, waveforms: Tensor) -> Tensor:
        """Return logits."""
        logits: Tensor = self.backbone(self.front_end(waveforms))
        return logits


def make_classifier(
    spec: TrialSpec,
    *,
    sampling_rate: int,
    n_samples: int,
    n_classes: int,
    weights: Path | None = None,
) -> Classifier:
    """Build a spec's network, its initial weights drawn with the spec's seed.

    Args:
        spec: What to build.
        sampling_rate: Hz.
        n_samples: Length of a window, from which the image's width follows.
        n_classes: Outputs.
        weights: File of pretrained weights where the spec asks for them.
    """
    torch.manual_seed(spec.seed)
    front_end = spec.front_end(sampling_rate=sampling_rate)
    with torch.no_grad():
        images = front_end(torch.zeros(1, n_samples))
    channels, height, width = images.shape[1:]
    backbone = make_backbone(spec, size=(height, width), n_classes=n_classes, weights=weights)
    if backbone is None:
        backbone = BandStatistics(channels * height * 2, n_classes)
    return Classifier(front_end, backbone)


def make_backbone(
    spec: TrialSpec, *, size: tuple[int, int], n_classes: int, weights: Path | None = None
) -> nn.Module | None:
    """Build a spec's network behind the front end; None where it is the linear machine.

    Args:
        spec: What to build.
        size: Pixels of the front end's images along frequency and time.
        n_classes: Outputs.
        weights: File of pretrained weights where the spec asks for them.
    """
    if isinstance(spec.backbone, BandSvm):
        return None
    network = spec.backbone.make(
        in_chans=spec.channels.n_channels,
        n_classes=n_classes,
        size=spec.image.seen_size(size),
        weights=weights,
    )
    return spec.image.seen(network)


def save_weights(state: dict[str, Tensor], path: Path, *, about: dict[str, Any]) -> None:
    """Write a state as safetensors with `about` as JSON in its header."""
    plain = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in state.items()}
    save_file(plain, path, metadata={"spectune": json.dumps(about)})


def fold_prefix(fold: int) -> str:
    """Return what the names of the weights of a fold's network begin with in the trial's file.

    >>> fold_prefix(3)
    'fold-3.'
    """
    return f"fold-{fold}."


def _read(path: Path, start: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return the tensors whose names begin with `start`, and what the file says about itself."""
    check_regular(path)
    with safe_open(path, framework="pt") as file:
        about = json.loads((file.metadata() or {}).get("spectune", "{}"))
        names = [name for name in file.keys() if name.startswith(start)]  # noqa: SIM118
        return {name.removeprefix(start): file.get_tensor(name) for name in names}, dict(about)


def copy_fold(source: Path, target: Path, *, fold: int) -> None:
    """Write the network of one fold of a cross-validated trial as a file of its own."""
    state, about = _read(source, fold_prefix(fold))
    save_weights(state, target, about=about | {"folds": 0, "fold": fold})


def load_front_end(path: Path) -> dict[str, Tensor]:
    """Return the state of the front end of a trained network; of a cross-validated trial's first.

    Raises:
        InputError: If the file is damaged.
    """
    try:
        state = _read(path, "front_end.")[0] or _read(path, f"{fold_prefix(0)}front_end.")[0]
    except (OSError, SafetensorError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as weights: {error}") from error
    if not state:
        raise InputError(f"{path}: cannot be read as weights: it has no front end")
    return state


def load_weights(model: nn.Module, path: Path, *, fold: int | None = None) -> dict[str, Any]:
    """Load weights into a model and return what the file says about itself.

    Args:
        model: Gets them.
        path: The file.
        fold: Of a cross-validated trial, whose file holds a network per fold.

    Raises:
        InputError: If the file is damaged or holds another network.
    """
    try:
        state, about = _read(path, "" if fold is None else fold_prefix(fold))
        model.load_state_dict(state)
    except (OSError, SafetensorError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as weights: {error}") from error
    except RuntimeError as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{path}: holds the weights of another network: {reason}") from error
    return about

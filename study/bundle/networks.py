"""The networks of a bundle, built and filled after their sizes were checked."""

from __future__ import annotations

import copy
import json
import math
from pathlib import Path

import torch
from torch import nn

from runners.model import (
    Classifier,
    load_weights,
    make_backbone,
    make_classifier,
)
from search_spaces.backbones.backbones import Timm, check_backbone
from search_spaces.grammar.errors import InputError
from study.bundle.bundle import MAX_JSON, Bundle, BundleMember

BYTES = {
    "F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1,
    "BOOL": 1,
}  # fmt: skip


def load_networks(bundle: Bundle) -> list[Classifier]:
    """Return the members' networks on the CPU, ready to predict.

    Members that differ in nothing but their seed are built once and copied.

    Raises:
        InputError: If a file does not hold the network that its spec says.
    """
    built: dict[str, Classifier] = {}
    networks = []
    for member in bundle.members:
        network = built.get(member.spec.digest)
        if network is None:
            network = built[member.spec.digest] = _build(bundle, member)
        network = copy.deepcopy(network)
        load_weights(network, member.path)
        networks.append(network.eval().requires_grad_(False))
    return networks


def _build(bundle: Bundle, member: BundleMember) -> Classifier:
    backbone = member.spec.backbone
    if isinstance(backbone, Timm):
        check_backbone(backbone.name, where=f"{member.path.name}: backbone")
    try:
        _check_sizes(bundle, member)
        with torch.random.fork_rng(devices=[]):  # the caller's random numbers stay as they were
            return make_classifier(
                member.spec,
                sampling_rate=bundle.sampling_rate,
                n_samples=bundle.n_samples,
                n_classes=len(bundle.classes),
            )
    except InputError:
        raise
    except (ValueError, RuntimeError, TypeError, AssertionError) as error:
        reason = (str(error).splitlines() or [""])[0]
        raise InputError(f"{member.path}: its network cannot be built: {reason}") from error


def _check_sizes(bundle: Bundle, member: BundleMember) -> None:
    """Compare the file with the network while that has no memory yet.

    A description of a few bytes can name a network of many gigabytes.
    """
    shapes = tensor_shapes(member.path)
    expected = _expected(bundle, member)
    if expected is None:
        return
    names = expected.keys() | shapes.keys()
    different = sorted(name for name in names if expected.get(name) != shapes.get(name))
    if different:
        n_numbers = sum(math.prod(shape) for shape in shapes.values())
        raise InputError(
            f"{member.path}: holds another network than its spec ({member.spec.label}):"
            f" {len(different)} of its {len(shapes)} tensors ({n_numbers:,} numbers) differ, the"
            f" first is {different[0]}"
        )


def _expected(bundle: Bundle, member: BundleMember) -> dict[str, tuple[int, ...]] | None:
    """Return the shapes that a spec's network has; None where timm cannot build it without data."""
    spec = member.spec
    try:
        with torch.device("meta"), torch.random.fork_rng(devices=[]):
            backbone = _meta_backbone(bundle, member)
    except (NotImplementedError, RuntimeError) as error:
        if "meta" not in str(error):
            raise
        return None
    if backbone is None:
        return None
    shapes = {f"backbone.{name}": tuple(t.shape) for name, t in backbone.state_dict().items()}
    # The front end is small: its filters were limited when the bundle was read.
    front_end = spec.front_end(sampling_rate=bundle.sampling_rate).state_dict()
    return shapes | {f"front_end.{name}": tuple(t.shape) for name, t in front_end.items()}


def _meta_backbone(bundle: Bundle, member: BundleMember) -> nn.Module | None:
    spec = member.spec
    hop = max(1, round(spec.spectrogram.hop_ms * bundle.sampling_rate / 1000))
    size = (
        spec.image.height or spec.scale.n_bands,
        spec.image.width or 1 + bundle.n_samples // hop,
    )
    # None for the linear machine: it is as small as its features, which are limited.
    return make_backbone(spec, size=size, n_classes=len(bundle.classes))


def tensor_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the tensors in a safetensors file from its header alone.

    Raises:
        InputError: If the header is damaged, or claims what the file does not have.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if not 2 <= length <= min(MAX_JSON, size - 8):
            raise InputError(f"{path}: is no safetensors file (a header of {length:,} bytes)")
        head = file.read(length)
    try:
        plain = json.loads(head)
        shapes = {}
        for name, tensor in plain.items():
            if name == "__metadata__":
                continue
            shape = tuple(int(n) for n in tensor["shape"])
            begin, end = tensor["data_offsets"]
            fits = 0 <= begin <= end <= size - 8 - length and min(shape, default=0) >= 0
            if not fits or math.prod(shape) * BYTES[tensor["dtype"]] != end - begin:
                raise InputError(
                    f"{path}: the tensor {name} claims the shape {list(shape)}, which the file does"
                    f" not hold"
                )
            shapes[name] = shape
    except InputError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(f"{path}: has a damaged header: {error!r}") from error
    return shapes

"""A file of weights with foreign names, written anew as safetensors with timm's names."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from search_spaces.backbones.backbones import BACKBONES, check_backbone, head_parameters
from search_spaces.backbones.image_fit import Fit, create
from search_spaces.grammar.errors import InputError
from study.files import file_sha256, mapping, new_file
from study.weights.key_map import match_keys
from study.weights.tensors import read_tensors

_HEADER = "spectune"  # key of the file's metadata, as in the weights of a trial


def convert_weights(
    source: Path,
    backbone: str,
    target: Path,
    *,
    part: str | None = None,
    about: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Write a file of weights under the names that timm has for a network.

    Counters of BatchNorm are left out, and so is a classifier that is not of the network's own
    size. The first convolution stays as it is: it is adapted where a network is made.

    Args:
        source: A `.safetensors`, `.pth` or `.pt` file.
        backbone: Name of the network in timm.
        target: The file to write; what it had is replaced when all went well.
        part: Which mapping of tensors, as of `read_tensors`.
        about: What is known of the source besides: licence, package, version.

    Returns:
        What the file says of itself: backbone, source, sha256 (of the source), licence, matched
        (how, a sentence) and key_map (timm's name -> the source's).

    Raises:
        InputError: If timm has no such network, or the tensors are not this network's.
    """
    check_backbone(backbone, where="backbone")
    if backbone in BACKBONES.kinds:
        raise InputError(f"backbone: {backbone} has no weights to convert")
    tensors = read_tensors(source, part=part)
    with torch.random.fork_rng(devices=[]), torch.device("meta"):
        network = create(backbone, Fit((0, 0), named=False))
    wanted = network.state_dict()
    classifier = {id(parameter) for parameter in head_parameters(network)}
    try:
        names, how = match_keys(
            {name: tuple(tensor.shape) for name, tensor in wanted.items()},
            {name: tuple(tensor.shape) for name, tensor in tensors.items()},
            head={name for name, one in network.named_parameters() if id(one) in classifier},
            ordered=source.suffix != ".safetensors",
        )
    except InputError as error:
        raise InputError(f"{source}: holds no weights of {backbone}: {error}") from error
    for (
        own
    ) in names.values():  # packed in integers, numbers lack their scale; no network is complex
        if not tensors[own].is_floating_point():
            kind = str(tensors[own].dtype).removeprefix("torch.")
            raise InputError(f"{source}: {own} must have floating-point values, got {kind}")
    state = {
        name: tensors[own].to(wanted[name].dtype).contiguous().clone()
        for name, own in names.items()
    }
    spoilt = next((name for name, one in state.items() if not one.isfinite().all()), None)
    if spoilt:
        raise InputError(f"{source}: {names[spoilt]} must have finite values")
    said = {
        "backbone": backbone,
        "source": source.name,
        "sha256": file_sha256(source),
        "licence": about_weights(source).get("licence", "unknown"),
        **(about or {}),
        "matched": how,
        "key_map": names,
    }
    with new_file(target) as file:
        file.write(save(state, metadata={_HEADER: json.dumps(said)}))
    return said


def about_weights(path: Path) -> dict[str, Any]:
    """Return what a converted file says of itself; nothing where it is of another origin."""
    try:
        with safe_open(path, framework="pt") as file:
            said = mapping(json.loads((file.metadata() or {}).get(_HEADER, "{}")))
    except (OSError, SafetensorError, ValueError):
        return {}
    texts = {name: value for name, value in said.items() if isinstance(value, str)}
    names = mapping(said.get("key_map"))
    if not names or not {"source", "sha256", "licence", "matched"} <= texts.keys():
        return {}
    return texts | {"key_map": {str(name): str(own) for name, own in names.items()}}

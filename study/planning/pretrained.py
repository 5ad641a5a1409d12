"""Pretrained weights, resolved once before the first trial: a file, its hash, its licence."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from search_spaces.backbones.backbones import Timm
from search_spaces.grammar.errors import InputError
from study.files import file_sha256


@dataclass(frozen=True)
class Weights:
    """A file of pretrained weights."""

    path: str
    sha256: str
    licence: str  # as timm's model card gives it, or "unknown"
    source: str


def weights_key(backbone: Timm) -> str:
    """Return the name under which a backbone's weights are kept: `resnet18:a1_in1k`."""
    return f"{backbone.name}:{backbone.pretrained}"


def resolve_weights(backbones: Iterable[Timm], *, folder: Path) -> dict[str, Weights]:
    """Find the file of every backbone that asks for pretrained weights.

    Args:
        backbones: Those a study may build.
        folder: What a path is relative to.

    Raises:
        InputError: With a sentence for each whose weights cannot be had, and what to do.
    """
    weights: dict[str, Weights] = {}
    problems: list[str] = []
    for backbone in backbones:
        if backbone.pretrained is False:
            continue
        try:
            weights[weights_key(backbone)] = _resolve(backbone, folder)
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(problems)
    return weights


def _resolve(backbone: Timm, folder: Path) -> Weights:
    where = f"backbone.{backbone.name}.pretrained"
    requested = backbone.pretrained
    if isinstance(requested, str) and (requested.endswith(".safetensors") or "/" in requested):
        path = (folder / requested).resolve()
        if not path.is_file():
            raise InputError(f"{where}: there is no file {path}")
        if path.suffix != ".safetensors":
            raise InputError(f"{where} must be a .safetensors file, got {path.name}")
        _check_file(where, backbone, path)
        return Weights(str(path), file_sha256(path), "unknown", f"file {path.name}")
    from timm.models import get_arch_pretrained_cfgs, get_pretrained_cfg

    name, _, own_tag = backbone.name.partition(".")
    tag = requested if isinstance(requested, str) else own_tag
    tags = [full.partition(".")[2] for full in get_arch_pretrained_cfgs(name)]
    if tag and tag not in tags:
        raise InputError(
            f"{where}: timm has no weights {tag!r} for {name}; it has {', '.join(tags) or 'none'}"
        )
    cfg = get_pretrained_cfg(f"{name}.{tag}" if tag else name)
    if cfg is None or not cfg.hf_hub_id:
        raise InputError(
            f"{where}: timm has no weights to download for {name}; give a .safetensors file"
            f" or false"
        )
    return _download(where, cfg)


def _check_file(where: str, backbone: Timm, path: Path) -> None:
    """Check that a file holds the weights of a backbone.

    Raises:
        InputError: If it cannot be read or lacks some of them.
    """
    try:
        lacking = backbone.not_in(path)
    except (OSError, SafetensorError, RuntimeError, KeyError, ValueError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise InputError(
            f"{where}: {path} holds no weights of {backbone.name}: {reason}"
        ) from error
    if lacking:
        raise InputError(
            f"{where}: {path} lacks {len(lacking)} tensors of {backbone.name}, the first"
            f" {lacking[0]}; they must have timm's names"
        )


def _download(where: str, cfg: Any) -> Weights:
    """Return the weights from the hub's cache or the hub."""
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    repo = str(cfg.hf_hub_id)
    try:
        path = hf_hub_download(repo, "model.safetensors", local_files_only=True)
    except LocalEntryNotFoundError:
        try:
            path = hf_hub_download(repo, "model.safetensors", etag_timeout=5)
        except (HfHubHTTPError, LocalEntryNotFoundError, OSError, ValueError) as error:
            raise InputError(
                f"{where}: the weights {repo} are not on this machine and cannot be downloaded;"
                f" fetch model.safetensors of {repo} elsewhere and give its path, or set false"
            ) from error
    licence = str(cfg.license or "unknown")
    return Weights(str(path), file_sha256(path), licence, f"Hugging Face {repo}")

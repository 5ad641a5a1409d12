"""Pretrained weights, resolved once before the first trial: a file, its hash, its licence."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from search_spaces.backbones.backbones import Timm
from search_spaces.grammar.errors import InputError
from study.corpus.audio.waveform_cache import default_cache_root
from study.files import file_sha256
from study.weights.convert import about_weights, convert_weights
from study.weights.package import EXTRA, TRAINED_AS, PackagedFile, normalized, packaged_file

FILES = (".safetensors", ".pth", ".pt")  # what ends so is a path


@dataclass(frozen=True)
class Weights:
    """A file of pretrained weights.

    Of a package `sha256` is that of the package's file, and `path` what was made of it.
    """

    path: str
    sha256: str
    licence: str  # as timm's model card or the package gives it, or "unknown"
    source: str
    package: str = ""
    version: str = ""  # of the package
    file: str = ""  # as the package lists it
    matched: str = ""  # how foreign names were matched with timm's, a sentence
    key_map: Mapping[str, str] = field(default_factory=dict)  # timm's name -> the source's


def weights_key(backbone: Timm) -> str:
    """Return the name under which a backbone's weights are kept: `resnet18:a1_in1k`."""
    return f"{backbone.name}:{backbone.pretrained}"


def weights_path(backbone: Timm) -> str | None:
    """Return the file of weights that a backbone names; None where it names none by its path."""
    named = backbone.pretrained
    is_path = isinstance(named, str) and ("/" in named or named.endswith(FILES))
    return str(named) if is_path else None


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
    if (file := weights_path(backbone)) is not None:
        return _file(where, backbone, (folder / file).resolve())
    from timm.models import get_arch_pretrained_cfgs, get_pretrained_cfg

    name, _, own_tag = backbone.name.partition(".")
    tag = requested if isinstance(requested, str) else own_tag
    tags = [full.partition(".")[2] for full in get_arch_pretrained_cfgs(name)]
    if tag and tag not in tags:
        return _package(where, backbone, tag, tags)
    cfg = get_pretrained_cfg(f"{name}.{tag}" if tag else name)
    if cfg is None or not cfg.hf_hub_id:
        raise InputError(
            f"{where}: timm has no weights to download for {name}; give a .safetensors file"
            f" or false"
        )
    return _download(where, cfg)


def _file(where: str, backbone: Timm, path: Path) -> Weights:
    """Return the weights of a file, and what it says of itself where it was converted."""
    if not path.is_file():
        raise InputError(f"{where}: there is no file {path}")
    if path.suffix != ".safetensors":
        raise InputError(
            f"{where} must be a .safetensors file, got {path.name};"
            f" `spectune weights convert {path.name} --backbone {backbone.name}` makes one"
        )
    _check_file(where, backbone, path)
    said, source = about_weights(path), f"file {path.name}"
    if not said:
        return Weights(str(path), file_sha256(path), "unknown", source)
    source += f", converted from {said['source']} (SHA-256 {said['sha256']:.16})"
    rest = {key: said.get(key, "") for key in ("package", "version", "file", "matched")}
    return Weights(
        str(path), file_sha256(path), said["licence"], source, **rest, key_map=said["key_map"]
    )


def _package(where: str, backbone: Timm, name: str, tags: list[str]) -> Weights:
    """Return the weights of an installed package, converted into the cache.

    Raises:
        InputError: If it is not installed, or its weights are not this network's.
    """
    known = normalized(name) in TRAINED_AS
    try:
        found = packaged_file(name) if re.fullmatch(r"[A-Za-z0-9][\w.-]*", name) else None
    except InputError as error:
        raise InputError(f"{where}: {error}") from error
    if found is None and known:
        raise InputError(f"{where}: the package {name} is not installed; {EXTRA} brings it")
    if found is None:
        raise InputError(
            f"{where}: timm has no weights {name!r} for {backbone.name}; it has"
            f" {', '.join(tags) or 'none'}; and no package {name!r} is installed"
        )
    own = backbone.name.partition(".")[0]
    converted = default_cache_root() / "weights" / f"{found.sha256[:32]}-{own}.safetensors"
    converted.parent.mkdir(parents=True, exist_ok=True)
    try:
        said = convert_weights(found.path, own, converted, about=found.about)
    except InputError as error:
        raise InputError(f"{where}: {error}") from error
    return Weights(
        str(converted),
        found.sha256,
        found.licence,
        found.about["source"],
        found.package,
        found.version,
        found.file,
        said["matched"] + _other_network(found, own),
        said["key_map"],
    )


def _other_network(found: PackagedFile, name: str) -> str:
    """Say where weights fit a network that computes otherwise than the one they were trained as."""
    own = TRAINED_AS.get(found.package, name)
    if own == name:
        return ""
    return f"; they were trained as {own}, which pads and normalises otherwise than {name}"


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

"""The tensors of a file of weights, read without running code from it."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from search_spaces.grammar.bounded_file import check_bounded
from search_spaces.grammar.errors import InputError
from study.files import mapping

MAX_BYTES = 4_000_000_000  # of a file of weights


def read_tensors(path: Path, *, part: str | None = None) -> dict[str, Tensor]:
    """Return the tensors of a `.safetensors`, `.pth` or `.pt` file by their names, in their order.

    PyTorch's files are pickles; they are read with `weights_only`, which makes tensors and plain
    values and nothing else.

    Args:
        path: The file.
        part: Which of its mappings of tensors, where it is a checkpoint that holds several.

    Raises:
        InputError: If it cannot be read so, or holds no mapping of names to tensors, or several.
    """
    check_bounded(path, MAX_BYTES)
    try:
        if path.suffix == ".safetensors":
            return dict(load_file(path))
        _check_archive(path)
        plain = torch.load(path, map_location="cpu", weights_only=True)
    except InputError:
        raise
    except (OSError, SafetensorError) as error:
        raise InputError(f"{path}: cannot be read as weights: {error}") from error
    except Exception as error:  # a damaged pickle may raise anything
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise InputError(
            f"{path}: cannot be read as weights without running code from it: {reason}"
        ) from error
    return _mapping_of_tensors(path, plain, part)


def _check_archive(path: Path) -> None:
    """Check that an archive holds its tensors as they are: packed ones may be of any size."""
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as archive:
        packed = [one.filename for one in archive.infolist() if one.compress_type]
    if packed:
        raise InputError(f"{path}: its parts must be stored, not compressed, got {packed[0]}")


def _mapping_of_tensors(path: Path, plain: Any, part: str | None) -> dict[str, Tensor]:
    """Return the whole where it is one, else the one part that is.

    Raises:
        InputError: If there is none, or several and `part` does not say which.
    """
    if part is None and _is_state(plain):
        return dict(plain)
    parts = {name: value for name, value in mapping(plain).items() if _is_state(value)}
    chosen = list(parts) if part is None else [name for name in parts if name == part]
    if len(chosen) == 1:
        return dict(parts[chosen[0]])
    rule = "must be or hold one mapping of names to tensors"
    if part is not None:
        rule = f"has no mapping of names to tensors called {part!r}"
    raise InputError(f"{path}: {rule}; it holds {', '.join(map(str, parts)) or 'none'}")


def _is_state(value: Any) -> bool:
    """Whether a value is a mapping of names to tensors as a network's `state_dict`."""
    return (
        isinstance(value, Mapping)
        and bool(value)
        and all(isinstance(name, str) and _is_plain(one) for name, one in value.items())
    )


def _is_plain(value: Any) -> bool:
    """Whether a value is a tensor whose numbers are all there."""
    return (
        isinstance(value, Tensor)
        and value.layout == torch.strided
        and value.device.type == "cpu"
        and not value.is_quantized
    )

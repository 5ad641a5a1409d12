"""What several tests share."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

TINY_SPACE = {
    "spectrogram": {"hop_ms": 32},
    "scale": {"mel": {"n_bands": [32, 40]}, "linear": {"n_bands": 32}},
    "amplitude": {"db": {"floor_db": {"low": -80, "high": -60}}},
    "augment": {"gain": {"p": [0, 1]}},
    "backbone": "test_resnet",
    "optimizer": {"adamw": {"lr": {"low": 1e-3, "high": 1e-2, "log": True}}},
    "recipe": {"epochs": 4, "batch": 32},
}


def _sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(2**43)


# Makers of what must never be read: a pipe, a device, a file without end.
ENDLESS: dict[str, Callable[[Path], None]] = {
    "pipe": os.mkfifo,
    "device": lambda path: path.symlink_to("/dev/zero"),
    "sparse": _sparse,
    "folder": Path.mkdir,
}

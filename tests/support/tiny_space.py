"""Search spaces of seconds."""

from __future__ import annotations

TINY_SPACE = {
    "spectrogram": {"hop_ms": 32},
    "scale": {"mel": {"n_bands": [32, 40]}, "linear": {"n_bands": 32}},
    "amplitude": {"db": {"floor_db": {"low": -80, "high": -60}}},
    "augment": {"gain": {"p": [0, 1]}},
    "backbone": "test_resnet",
    "optimizer": {"adamw": {"lr": {"low": 1e-3, "high": 1e-2, "log": True}}},
    "recipe": {"epochs": 4, "batch": 32},
}

# The same without ranges.
GRID_SPACE = TINY_SPACE | {
    "amplitude": "db",
    "augment": {"gain": {"p": [0, 1], "max_db": [3, 6]}},
    "optimizer": "adamw",
}

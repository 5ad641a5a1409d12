"""An installed package that holds a file of weights with foreign names; imported, not collected."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import timm
import torch
from torch import Tensor

NAME = "Tiny-Weights"  # as asked for; normalised it is tiny-weights
FILE = "tiny_weights/models/tiny-5.pth"
LICENCE = "Apache Software License 2.0\n\nLicensed under the Apache License,\nVersion 2.0 (the"


def foreign(network: str = "test_resnet", **options) -> tuple[torch.nn.Module, dict[str, Tensor]]:
    """A timm network with statistics as of training, and its tensors under other names."""
    torch.manual_seed(5)
    made = timm.create_model(network, **options)
    for name, buffer in made.named_buffers():
        if name.endswith("running_mean"):
            torch.nn.init.normal_(buffer, 0.0, 0.1)
        elif name.endswith("running_var"):
            torch.nn.init.uniform_(buffer, 0.5, 1.5)
    names = [name.rpartition(".") for name in made.state_dict()]
    state = {
        f"_part{i}.{leaf}": tensor.clone()
        for i, ((_, _, leaf), tensor) in enumerate(
            zip(names, made.state_dict().values(), strict=True)
        )
    }
    return made.eval(), state


def install(site: Path, state: dict[str, Tensor], *, metadata: str = "License: UNKNOWN") -> Path:
    """Lay the package out as an installer does; return its file of weights."""
    path = site / FILE
    path.parent.mkdir(parents=True)
    torch.save(state, path)
    (site / "tiny_weights" / "__init__.py").write_text("raise SystemExit('was imported')\n")
    about = site / "tiny_weights-0.3.dist-info"
    about.mkdir()
    (about / "LICENSE").write_text(LICENCE)
    (about / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: tiny-weights\nVersion: 0.3\n{metadata}\n"
    )
    digest = base64.urlsafe_b64encode(hashlib.sha256(path.read_bytes()).digest()).decode()
    (about / "RECORD").write_text(
        f"tiny_weights/__init__.py,,\n{FILE},sha256={digest.rstrip('=')},\n"
        "tiny_weights-0.3.dist-info/LICENSE,,\ntiny_weights-0.3.dist-info/METADATA,,\n"
    )
    return path

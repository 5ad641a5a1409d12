"""Members of a bundle as `torch.export` programs, the front end inside.

For those who deploy with PyTorch's own tools: each takes float32 waveforms (clips, samples) at the
bundle's sampling rate and returns logits (clips, classes). `spectune predict` does not use them.
There is no ONNX: its exporters do not take the complex spectra of the front end.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch

from runners.model import Classifier
from search_spaces.grammar.errors import InputError
from study.bundle.bundle import read_bundle
from study.bundle.networks import load_networks
from study.files import file_sha256, read_object, write_json

MOST_DIFFERENCE = 1e-4
MAX_CLIPS = 4096  # in one call of a program


def export_programs(folder: Path, *, echo: Callable[[str], None] = print) -> list[Path]:
    """Write `<member>.pt2` for each member and note it in `bundle.json`.

    Each is read back and compared with the member on one clip and on several.

    Args:
        folder: A bundle.
        echo: Prints a line.

    Raises:
        InputError: If a network cannot be exported, or its program gives something else.
    """
    bundle = read_bundle(folder)
    plain = read_object(folder / "bundle.json")
    entries = {entry["file"]: entry for entry in plain["members"]}
    paths = []
    for member, network in zip(bundle.members, load_networks(bundle), strict=True):
        path = member.path.with_suffix(".pt2")
        difference = _export(network, path, bundle.n_samples)
        entries[member.path.name]["torch_export"] = {
            "file": path.name,
            "sha256": file_sha256(path),
            "max_difference": difference,
        }
        echo(f"{path.name}: {member.name}, differs by at most {difference:.2g}")
        paths.append(path)
    write_json(folder / "bundle.json", plain)
    return paths


@torch.no_grad()
def _export(network: Classifier, path: Path, n_samples: int) -> float:
    """Write a program and return its largest difference from the network."""
    generator = torch.Generator().manual_seed(0)
    waves = 0.1 * torch.randn(3, n_samples, generator=generator)
    clips = torch.export.Dim("clips", min=1, max=MAX_CLIPS)
    try:
        program = torch.export.export(network, (waves[:2],), dynamic_shapes=({0: clips},))
        torch.export.save(program, path)
        module = torch.export.load(path).module()
    except Exception as error:  # the exporter raises whatever it meets
        reason = (str(error).splitlines() or [repr(error)])[0]
        raise InputError(f"{path.name}: torch.export does not take it: {reason:.300}") from error
    pairs = [(module(part), network(part)) for part in (waves[:1], waves)]
    difference = max(float((a - b).abs().max()) for a, b in pairs)
    if not difference <= MOST_DIFFERENCE:
        path.unlink()
        raise InputError(
            f"{path.name}: the program must give the member's logits to {MOST_DIFFERENCE:g}, they"
            f" differ by {difference:.2g}"
        )
    return difference

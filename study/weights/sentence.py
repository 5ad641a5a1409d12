"""What is told of pretrained weights: on the terminal, in the report, in a bundle."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def weights_sentence(plain: Mapping[str, Any]) -> str:
    """Return source, licence and digest, and how names were matched where they were.

    Args:
        plain: An entry of `weights` in `state.json`, or of `pretrained` in a bundle.
    """
    parts = [f"{plain.get('source')}, licence {plain.get('licence')}"]
    if plain.get("sha256"):
        parts.append(f"SHA-256 {str(plain['sha256'])[:16]}")
    if plain.get("matched"):
        parts.append(str(plain["matched"]))
    return "; ".join(parts)

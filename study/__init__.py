"""A study: configuration, corpus, coordinator, tracking, fusion, refit, bundles, command line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from study.bundle.predictor import load

__all__ = ["load"]


def __getattr__(name: str) -> Any:
    """Import `load` when it is first asked for: it needs torch, and `import study` does not."""
    if name == "load":
        from study.bundle.predictor import load

        return load
    raise AttributeError(f"module 'study' has no attribute {name!r}")

"""What can be searched: one file per dimension, the space that joins them, and `TrialSpec`.

Names are loaded when they are first used, so that what needs no network (`spectune status`) does
not wait for torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from search_spaces.front_end.front_end import FrontEnd
    from search_spaces.grammar.errors import InputError
    from search_spaces.space import Space
    from search_spaces.space_yaml import load_space, parse_space, preset_names
    from search_spaces.spec import DIMENSIONS, SECTIONS, TrialSpec
    from search_spaces.suggesters import flat_parameters

__all__ = [
    "DIMENSIONS",
    "SECTIONS",
    "FrontEnd",
    "InputError",
    "Space",
    "TrialSpec",
    "flat_parameters",
    "load_space",
    "parse_space",
    "preset_names",
]

_HOMES = {
    "DIMENSIONS": "spec",
    "SECTIONS": "spec",
    "FrontEnd": "front_end.front_end",
    "InputError": "grammar.errors",
    "Space": "space",
    "TrialSpec": "spec",
    "flat_parameters": "suggesters",
    "load_space": "space_yaml",
    "parse_space": "space_yaml",
    "preset_names": "space_yaml",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)

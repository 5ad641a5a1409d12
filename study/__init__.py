"""spectune from Python: run a study, look at one, predict with a bundle (docs/python-api.md).

    results = study.run("study.yaml", budget={"trials": 20})
    results = study.open("results/mask")  # also while it runs
    results.leaderboard()
    study.load("bundle").predict(waveforms, 16_000)

Names are loaded when they are first used: torch, Optuna and MLflow take seconds.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from search_spaces.grammar.errors import InputError
    from study.api import Results, run
    from study.api import open_study as open
    from study.bundle.predictor import load

__all__ = ["InputError", "Results", "load", "open", "run"]

_HOMES = {
    "InputError": "search_spaces.grammar.errors",
    "Results": "study.api",
    "load": "study.bundle.predictor",
    "open": "study.api:open_study",
    "run": "study.api",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home, _, own = _HOMES[name].partition(":")
    return getattr(importlib.import_module(home), own or name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

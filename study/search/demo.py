"""`spectune demo`: the whole way on a simulated corpus."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from search_spaces.grammar.errors import InputError
from study.config import Budget, StudyConfig, load_config
from study.corpus.simulated.formant_corpus import make_synthetic
from study.files import replace_text
from study.search.session import run_study


def run_demo(
    folder: Path,
    *,
    trials: int,
    echo: Callable[[str], None] = print,
    report: Callable[[Path], Path] | None = None,
) -> int:
    """Make a corpus in `folder` and run a study on it; the same again goes on or adds trials.

    Returns:
        The exit code.

    Raises:
        InputError: If the folder has another study or corpus; nothing is written then.
    """
    config = StudyConfig(
        name="demo", corpus="corpus", space="demo", budget=Budget(trials=trials), clip_seconds=1.0
    )
    path = folder / "study.yaml"
    if os.path.lexists(path) and not _is_demo(path, config):
        raise InputError(f"{path}: must be the demo's own; name another --folder")
    make_synthetic(folder / config.corpus)
    replace_text(path, config.to_yaml())
    return run_study(config, base=folder.resolve(), echo=echo, report=report)


def _is_demo(path: Path, config: StudyConfig) -> bool:
    """Whether a study.yaml is the demo's, of any number of trials."""
    try:
        there = load_config(path)
    except InputError:
        return False
    return there.model_copy(update={"budget": config.budget}) == config

"""`spectune demo`: the whole way on a simulated corpus."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from study.config import Budget, StudyConfig
from study.running import run_study
from study.synthetic import make_synthetic

__all__ = ["run_demo"]


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
    """
    folder.mkdir(parents=True, exist_ok=True)
    corpus = make_synthetic(folder / "corpus")
    config = StudyConfig(
        name="demo",
        corpus=corpus.name,
        space="demo",
        budget=Budget(trials=trials),
        clip_seconds=1.0,
    )
    (folder / "study.yaml").write_text(config.to_yaml())
    return run_study(config, base=folder.resolve(), echo=echo, report=report)

"""A finished tiny study for the tests of what comes after it; imported, not collected."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from study.config import parse_config
from study.corpus import read_corpus
from study.search.display import Progress
from study.search.session import run_study
from support.tiny_space import TINY_SPACE

PLAIN = {
    "name": "tiny",
    "space": TINY_SPACE,
    "budget": {"trials": 4},
    "threads": 1,
    "checkpoint_seconds": 0.0,
    "refit": {"seeds": 2},
    "submission": {"team": "team", "tries": 2},
}


def plain_of(corpus: Path, **changes) -> dict[str, Any]:
    """What its study.yaml says."""
    return PLAIN | {"corpus": str(corpus), "tracking": False} | changes


def config_of(corpus: Path, **changes):
    return parse_config(plain_of(corpus, **changes), where="test")


def make_study(corpus: Path, base: Path, **changes) -> Path:
    """Run a study and return its results folder."""
    base.mkdir(parents=True, exist_ok=True)
    config = config_of(corpus, **changes)
    (base / "study.yaml").write_text(config.to_yaml())
    assert run_study(config, base=base, echo=lambda text: None, progress=Progress()) == 0
    return base / "results" / "tiny"


def copy_study(folder: Path, target: Path) -> Path:
    """Copy a study with its study.yaml, so that a test may change it."""
    base = folder.parent.parent
    shutil.copytree(base, target, dirs_exist_ok=True)
    return target / "results" / "tiny"


def waveforms_of(corpus: Path, partition: str) -> list[np.ndarray]:
    """The int16 samples of a partition's clips."""
    clips = read_corpus(corpus).partition(partition)
    return [soundfile.read(clip.path, dtype="int16")[0] for clip in clips]

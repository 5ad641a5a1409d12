"""A small simulated corpus and a tiny study on it, for tests of whole ways."""

from __future__ import annotations

from pathlib import Path

import pytest

from study.synthetic import make_synthetic


@pytest.fixture(scope="session")
def synthetic(tmp_path_factory) -> Path:
    """A corpus of 8 speakers x 12 clips."""
    folder = tmp_path_factory.mktemp("corpora") / "synthetic"
    return make_synthetic(folder, n_speakers=8, clips_per_speaker=12, sampling_rate=8000)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory, monkeypatch):
    """Keep the corpus cache and MLflow's store of a test out of the person's folders."""
    root = tmp_path_factory.getbasetemp() / "cache"
    monkeypatch.setenv("SPECTUNE_CACHE", str(root))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)

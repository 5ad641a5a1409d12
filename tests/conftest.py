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


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory):
    """Keep the corpus cache and MLflow's store of tests out of the person's folders."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPECTUNE_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        yield

"""An empty store of MLflow."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from study.tracking.store import TrackingStore, initialise, open_client, resolve_tracking


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory) -> Path:
    """An empty database of MLflow, which takes seconds to make."""
    store = resolve_tracking(tmp_path_factory.mktemp("empty"), {})
    initialise(store)
    return Path(store.artifact_root).parent / "mlflow.db"


@pytest.fixture
def store(empty_database, tmp_path) -> TrackingStore:
    """A store of MLflow with nothing in it."""
    shutil.copy(empty_database, tmp_path / "mlflow.db")
    return resolve_tracking(tmp_path, {})


@pytest.fixture
def client(store):
    """What reads it as MLflow's own page would."""
    return open_client(store)

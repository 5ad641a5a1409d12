"""An empty store of MLflow."""

from __future__ import annotations

import shutil

import pytest

from study.tracking.store import TrackingStore, open_client, resolve_tracking


@pytest.fixture
def store(empty_database, tmp_path) -> TrackingStore:
    """A store of MLflow with nothing in it."""
    shutil.copy(empty_database, tmp_path / "mlflow.db")
    return resolve_tracking(tmp_path, {})


@pytest.fixture
def client(store):
    """What reads it as MLflow's own page would."""
    return open_client(store)

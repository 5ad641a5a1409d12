"""Where a study's MLflow store is noted, and what is not."""

from __future__ import annotations

from study.stores import tracking_store
from study.tracking import TrackingStore


def noted(store: TrackingStore) -> dict:
    mlflow = {"tracking_uri": store.label, "artifact_root": store.artifact_root}
    return {"mlflow": mlflow}


def test_a_store_is_found_again_from_another_folder(tmp_path, monkeypatch):
    store = TrackingStore(f"sqlite:///{tmp_path}/mlflow.db", str(tmp_path / "mlartifacts"))
    monkeypatch.chdir("/")
    assert tracking_store(noted(store)) == store
    assert tracking_store({"mlflow": None}) is None


def test_a_password_is_not_noted_but_taken_from_the_environment_again(monkeypatch):
    store = TrackingStore("https://me:secret@example.org/mlflow", None)
    state = noted(store)
    assert "secret" not in str(state)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store.tracking_uri)
    assert tracking_store(state) == store

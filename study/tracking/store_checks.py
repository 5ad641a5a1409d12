"""Whether a study's stores can be used at all, checked before anything of the study is written.

A server that does not answer just now is no fault of the input; an address that never will is.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from search_spaces.grammar.errors import InputError
from study.config import StudyConfig
from study.text import without_passwords
from study.tracking.store import TrackingStore, resolve_tracking, sqlite_path

PASSWORD = ":***@"  # as `TrackingStore.label` writes it


def check_stores(config: StudyConfig, state: Mapping[str, Any]) -> None:
    """Check Optuna's storage and MLflow's store.

    Args:
        config: Of the study.
        state: Content of its `state.json`.

    Raises:
        InputError: One of them can never be used.
    """
    if config.storage:
        check_storage(config.storage)
    if config.tracking:
        check_tracking(tracking_store(state) or resolve_tracking(Path.cwd()))


def check_storage(url: str) -> None:
    """Check that an Optuna storage is a database that answers; none is made.

    Raises:
        InputError: It is none, in memory, without its driver, or does not answer.
    """
    import sqlalchemy

    try:
        address = sqlalchemy.make_url(url)
        engine = sqlalchemy.create_engine(address)
        if address.get_backend_name() == "sqlite":
            if address.database in (None, "", ":memory:") or "memory" in address.query.values():
                raise ValueError("it lives in memory")
            path = Path(str(address.database))
            if not path.exists():
                if not path.absolute().parent.is_dir():
                    raise ValueError(f"there is no folder {path.absolute().parent}")
                return
            if not path.is_file():
                raise ValueError("it is no file")
        with engine.connect():
            pass
    except (sqlalchemy.exc.SQLAlchemyError, ImportError, ValueError, OverflowError) as error:
        raise InputError(
            f"storage: must be the address of a database, such as sqlite:////data/optuna.db, got"
            f" {without_passwords(url)!r}: {_reason(error)}"
        ) from error


def check_tracking(store: TrackingStore) -> None:
    """Check that an MLflow store that is a database has its driver, and is a file if it is SQLite.

    Raises:
        InputError: It has not, or is not.
    """
    if store.is_server:
        return
    import sqlalchemy

    try:
        address = sqlalchemy.make_url(store.tracking_uri)
        sqlalchemy.create_engine(address)
        path = sqlite_path(store.tracking_uri) if address.get_backend_name() == "sqlite" else None
        if path is not None and path.exists() and not path.is_file():
            raise ValueError("it is no file")
    except (sqlalchemy.exc.SQLAlchemyError, ImportError, ValueError) as error:
        raise InputError(
            f"MLFLOW_TRACKING_URI must be a database that can be opened, got"
            f" {without_passwords(store.tracking_uri)!r}: {_reason(error)}"
        ) from error


def tracking_store(state: Mapping[str, Any]) -> TrackingStore | None:
    """Return the MLflow store that a study was first run on.

    A password is never written down: such a store is taken from `MLFLOW_TRACKING_URI` again.

    Raises:
        InputError: `state.json` was damaged.
    """
    noted = state.get("mlflow")
    if not isinstance(noted, dict):
        return None
    uri, root = noted.get("tracking_uri"), noted.get("artifact_root")
    if not isinstance(uri, str) or not isinstance(root, str | None):
        raise InputError(
            f"state.json: mlflow must have a tracking_uri and an artifact_root that are text, got"
            f" {uri!r:.80} and {root!r:.80}"
        )
    return resolve_tracking(Path.cwd()) if PASSWORD in uri else TrackingStore(uri, root)


def _reason(error: BaseException) -> str:
    return without_passwords(str(error).strip().partition("\n")[0])

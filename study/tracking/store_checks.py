"""Which stores a study may use, and whether they can be, before anything of it is written.

A results folder may come from anywhere, so that the store it notes is used only if it lies in the
project folder; credentials and runs go nowhere else, but where the environment says. A server that
does not answer just now is no fault of the input; an address that never will is.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from search_spaces.grammar.errors import InputError
from study.files import mapping
from study.locate import copied_from
from study.text import without_passwords
from study.tracking.store import (
    TrackingStore,
    is_made,
    open_read_only,
    resolve_tracking,
    sqlite_path,
    sqlite_uri,
    store_at,
)

if TYPE_CHECKING:
    from study.planning.plan import Plan
    from study.results import StudyResults

REMEDY = "`spectune reconcile` with the study.yaml writes its runs"


class LeftOutError(InputError):
    """The study's runs are in a store that nobody but its results folder names."""


def check_stores(plan: Plan) -> None:
    """Check Optuna's storage and MLflow's store.

    Raises:
        InputError: One of them can never be used.
    """
    if plan.config.storage:
        check_storage(plan.config.storage)
    else:
        sqlite_uri(plan.folder / "optuna.db")
    if plan.config.tracking:
        with contextlib.suppress(LeftOutError):
            check_tracking(tracking_store(plan.state, plan.project))


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
    """Check that an MLflow store that is a database has its driver, and is MLflow's if SQLite.

    Raises:
        InputError: It has not, or is not.
    """
    if store.is_server:
        return
    import sqlalchemy

    try:
        address = sqlalchemy.make_url(store.tracking_uri)
        sqlalchemy.create_engine(address)
        with contextlib.suppress(OSError, sqlite3.OperationalError):  # it is away just now
            if store.file is not None and store.file.exists() and not store.file.is_file():
                raise ValueError("it is no file")
            if store.file is not None:
                is_made(store.file)
    except (sqlalchemy.exc.SQLAlchemyError, ImportError, ValueError) as error:
        raise InputError(
            f"MLFLOW_TRACKING_URI must be a database that can be opened, got"
            f" {without_passwords(store.tracking_uri)!r}: {_reason(error)}"
        ) from error


def tracking_store(state: Mapping[str, Any], project: Path | None) -> TrackingStore:
    """Return the MLflow store that a study may use.

    It is that of the environment; else one in the project folder, by default its `mlflow.db`; or
    `mlflow.db` in the working directory, where earlier revisions began to write.

    Args:
        state: Content of its `state.json`.
        project: Of `study.locate.project_folder`.

    Raises:
        LeftOutError: `state.json` notes another one.
        InputError: `state.json` was damaged, or the environment names none.
    """
    here, noted = Path.cwd(), state.get("mlflow")
    if os.environ.get("MLFLOW_TRACKING_URI", "").strip():
        return resolve_tracking(here)
    if noted is None and project is not None:
        return resolve_tracking(project)
    uri, root = mapping(noted).get("tracking_uri"), mapping(noted).get("artifact_root")
    if not isinstance(uri, str) or not isinstance(root, str | None):
        raise InputError(
            f"state.json: mlflow must have a tracking_uri and an artifact_root that are text, got"
            f" {uri!r:.80} and {root!r:.80}"
        )
    path = sqlite_path(uri) if uri.startswith("sqlite:///") else None
    base = here if path == here / "mlflow.db" else project
    if path is not None and base is not None:
        with contextlib.suppress(ValueError):  # earlier revisions noted where it lay then
            path = path.relative_to(str(state.get("base")))
        path = Path(os.path.normpath(base / path))
        if path.is_relative_to(base) and "\0" not in str(path):
            return replace(store_at(sqlite_uri(path), base), within=base)
    raise LeftOutError(
        f"MLflow is left out: the results folder alone says where its runs are,"
        f" {without_passwords(uri)}; MLFLOW_TRACKING_URI names a store"
    )


def store_to_add_to(results: StudyResults, project: Path | None) -> TrackingStore:
    """Return the MLflow store that a study's run is in, to add something to it; none is made.

    In a store that the environment does not name the run must be there already: else a stranger's
    folder that lies where one types would be added to what is one's own.

    Raises:
        LeftOutError: There is none that may be used, or the run in it is that of another copy.
        InputError: As :func:`tracking_store`.
    """
    store = tracking_store(results.state, project)
    if store.within is not None and not (store.file and store.file.exists()):
        raise LeftOutError(f"MLflow is left out: there is no {store.file}; {REMEDY}")
    if store.within is not None and store.file and not _knows(store.file, results.state.get("id")):
        raise LeftOutError(f"MLflow is left out: the study's run is not in {store.file}; {REMEDY}")
    original = copied_from(results.state, results.folder)
    if original is not None and shares_runs(store, original):
        raise LeftOutError(
            f"MLflow is left out: {results.folder} is a copy of {original}; {REMEDY}"
        )
    return store


def _knows(path: Path, study_id: object) -> bool:
    """Whether an SQLite store has the run of a study; also where it cannot be read just now."""
    query = "select 1 from tags where key = 'spectune.study_id' and value = ?"
    with contextlib.suppress(sqlite3.Error), open_read_only(path) as database:
        return database.execute(query, (str(study_id),)).fetchone() is not None
    return True


def shares_runs(store: TrackingStore, original: str) -> bool:
    """Whether a copy and its original write into one store, rather than into a copy of it."""
    return store.within is None or Path(original).is_relative_to(store.within)


def _reason(error: BaseException) -> str:
    return without_passwords(str(error).strip().partition("\n")[0])

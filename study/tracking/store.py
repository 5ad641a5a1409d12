"""Which MLflow store a study writes to, and how a fresh one is made without a race.

Nothing here imports mlflow at import time: `spectune --help` stays fast, and the environment
variables that silence MLflow must be set before its first import.
"""

from __future__ import annotations

import logging
import os
import re
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from filelock import FileLock

from search_spaces.grammar.errors import InputError
from study.text import without_passwords

_DATABASES = ("sqlite", "postgresql", "mysql", "mssql")
_SERVERS = ("http", "https", "databricks")
# Set only where the user has not; all are read by MLflow at import or at each request.
_ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_CONFIGURE_LOGGING": "false",  # its own handler would print through the progress bar
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",  # two lines for every run that ends
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",  # the writer thread retries, and keeps the order
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",  # seconds; the default is 120, four minutes with retries
    "MLFLOW_ARTIFACT_UPLOAD_DOWNLOAD_TIMEOUT": "60",
}
_PASSING_STATUS = (408, 409, 429)  # time-out, conflict, too many requests; and all from 500
_PASSING_NAMES = ("OperationalError", "InterfaceError")  # of SQLAlchemy and the database drivers
_LOCATIONS = (  # columns of MLflow's tables that say where files are
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
    ("logged_models", "artifact_location"),
)
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrackingStore:
    """Where runs and their artifacts go.

    Attributes:
        tracking_uri: An MLflow tracking URI; database files are absolute.
        artifact_root: The folder for artifacts; None where a server decides.
        within: The project folder, which no artifact may leave; None: the store is the
            environment's, whose word counts.
    """

    tracking_uri: str
    artifact_root: str | None
    within: Path | None = field(default=None, compare=False)

    @property
    def is_server(self) -> bool:
        """Whether somebody else's server answers, rather than a database opened here."""
        return self.artifact_root is None

    @property
    def file(self) -> Path | None:
        """The SQLite file, where it is one."""
        is_sqlite = self.tracking_uri.startswith("sqlite")
        return sqlite_path(self.tracking_uri) if is_sqlite else None

    @property
    def label(self) -> str:
        """The URI without a password, for messages."""
        return without_passwords(self.tracking_uri)


def resolve_tracking(cwd: Path, environ: Mapping[str, str] | None = None) -> TrackingStore:
    """The store that `MLFLOW_TRACKING_URI` names, else `mlflow.db` of a project folder.

    The default is what a bare `mlflow ui` in the same folder opens: it reads `mlflow.db`, and
    serves artifacts whose location is a folder straight from there.

    Args:
        cwd: The project folder, to which a relative URI is relative.
        environ: The environment; by default the one of this process.

    Raises:
        InputError: The URI names a folder of files, or a database in memory.
    """
    uri = (os.environ if environ is None else environ).get("MLFLOW_TRACKING_URI", "").strip()
    if uri:
        return store_at(uri, cwd)
    if next(cwd.glob("mlruns/[0-9]*/meta.yaml"), None) is not None:
        _log.warning("%s holds runs of an older MLflow; a bare `mlflow ui` here opens those, "
                     "`spectune ui` opens the study's", cwd / "mlruns")  # fmt: skip
    return replace(store_at(sqlite_uri(cwd / "mlflow.db"), cwd), within=cwd.resolve())


def store_at(tracking_uri: str, cwd: Path) -> TrackingStore:
    """The store behind a URI, for instance one noted at a study's first run.

    Args:
        tracking_uri: `sqlite:///...` (relative to `cwd`), another database, or a server.
        cwd: The folder that relative paths, and the artifacts of a database server, belong to.

    Raises:
        InputError: The URI names a folder of files, a database in memory, or nothing at all.
    """
    scheme = tracking_uri.partition(":")[0].partition("+")[0] if ":" in tracking_uri else ""
    if scheme in ("", "file"):
        raise InputError(
            "MLFLOW_TRACKING_URI must be a database or a server, such as sqlite:///mlflow.db or "
            "http://127.0.0.1:5000 (MLflow 3 no longer writes folders of files), "
            f"got {without_passwords(tracking_uri)!r}"
        )
    if scheme in _SERVERS and _has_host(tracking_uri):
        return TrackingStore(tracking_uri, None)
    if scheme not in _DATABASES:
        raise InputError(
            f"MLFLOW_TRACKING_URI must begin with {', '.join(_DATABASES)}, http or https, and name"
            f" a host where it is a server, got {without_passwords(tracking_uri)!r}"
        )
    if scheme != "sqlite":
        return TrackingStore(tracking_uri, str(cwd.resolve() / "mlartifacts"))
    path = sqlite_path(tracking_uri)
    if path is None:
        rule = "MLFLOW_TRACKING_URI must name a database file"
        raise InputError(f"{rule}, got {tracking_uri!r}, which lives in memory")
    path = (cwd / path).resolve()
    return TrackingStore(sqlite_uri(path), str(path.parent / "mlartifacts"))


def _has_host(uri: str) -> bool:
    """Whether the address of a server is one, with a port that is a number if it has any."""
    try:
        parts = urlsplit(uri)
        return bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return False


def sqlite_uri(path: Path, base: Path | None = None) -> str:
    """The SQLAlchemy URI of a database file, safe for `%` and `?` in its path.

    All else stays as it is: MLflow makes the folder that it reads there, without decoding it.

    Args:
        path: The file.
        base: A folder that the URI is to be relative to; by default it is absolute.

    Raises:
        InputError: The path is no UTF-8, so that no URI can name it.
    """
    named = path.absolute() if base is None else path.relative_to(base)
    if (text := str(named).encode(errors="replace").decode()) != str(named):
        raise InputError(f"{text}: a database must have a path in UTF-8")
    return "sqlite:///" + re.sub(r"[%?\x00-\x1f]", lambda found: quote(found[0]), str(named))


def sqlite_path(uri: str) -> Path | None:
    """The file behind an SQLite URI; None for a database in memory.

    >>> sqlite_path("sqlite:////data/a%20b/mlflow.db")
    PosixPath('/data/a b/mlflow.db')
    """
    name = unquote(uri.partition(":///")[2].partition("?")[0])
    return None if name in ("", ":memory:") else Path(name)


def prepare_environment() -> None:
    """Keep MLflow from phoning home, from printing, and from waiting for minutes.

    Call it before mlflow is imported. What the user has set is left alone.
    """
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    if "MLFLOW_LOGGING_LEVEL" not in os.environ:
        # Failures arrive here as exceptions, logged once; MLflow would print a traceback each.
        logging.getLogger("mlflow").setLevel(logging.CRITICAL)
        logging.getLogger("alembic").setLevel(logging.WARNING)


def open_client(store: TrackingStore) -> Any:
    """An `MlflowClient` on an initialised store; imports mlflow, which takes seconds."""
    prepare_environment()
    from mlflow.tracking import MlflowClient

    initialise(store)
    return MlflowClient(tracking_uri=store.tracking_uri)


def initialise(store: TrackingStore) -> None:
    """Make the database if there is none, so that nobody ever sees half of one.

    MLflow's migrations take seconds, are no transaction, and fail when two processes run them at
    once or when one is killed in between. A fresh SQLite store is therefore made under another
    name and linked to its own when it is whole; a lock saves the others the work.
    """
    if (path := store.file) is None:
        return
    if is_made(path):
        _follow_move(path, str(store.artifact_root))
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_name(f".{path.name}.lock")):
        if is_made(path):
            return
        for leftover in path.parent.glob(f".{path.name}.new-*"):  # of a killed process
            leftover.unlink(missing_ok=True)
        fresh = path.with_name(f".{path.name}.new-{os.getpid()}")
        fresh.touch()  # may be written by whom a new file may; SQLite would give fewer rights
        try:
            _database(TrackingStore(sqlite_uri(fresh), store.artifact_root)).engine.dispose()
            _publish(fresh, path)
        finally:
            fresh.unlink(missing_ok=True)


def is_made(path: Path) -> bool:
    """Whether an SQLite file is there already; the database of another program is never written.

    Raises:
        InputError: It is one of another program.
        sqlite3.OperationalError: It cannot be read just now.
    """
    if not path.exists() or path.stat().st_size == 0:
        return False
    try:
        with open_read_only(path) as database:
            found = {name for (name,) in database.execute("select name from sqlite_master")}
    except sqlite3.OperationalError:
        raise
    except sqlite3.DatabaseError:  # damaged, or none: MLflow says so, and writes nothing
        return True
    if not {"experiments", "runs", "alembic_version"} <= found:
        raise InputError(
            f"{path}: must be MLflow's database, and is that of another program; nothing was"
            f" written to it (MLFLOW_TRACKING_URI names another store)"
        )
    return True


def open_read_only(path: Path) -> closing[sqlite3.Connection]:
    """Open an SQLite file that is there, to read it; it is closed at the end of the block."""
    return closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True))


def _follow_move(path: Path, root: str) -> None:
    """Point the artifacts of a database to those beside it, if it was moved or copied with them."""
    with closing(sqlite3.connect(path, timeout=30)) as database, database:
        found = database.execute("select experiment_id, artifact_location from experiments")
        for key, old in found.fetchall():
            new = f"{root}/{key}"
            if old == new or not str(old).startswith("/") or not Path(new).is_dir():
                continue
            for table, column in _LOCATIONS:
                if column in [row[1] for row in database.execute(f"pragma table_info({table})")]:
                    database.execute(
                        f"update {table} set {column} = ? || substr({column}, ?)"
                        f" where {column} = ? or substr({column}, 1, ?) = ?",
                        (new, len(old) + 1, old, len(old) + 1, f"{old}/"),
                    )


def find_or_create_experiment(client: Any, store: TrackingStore, name: str) -> str:
    """The id of the experiment called `name`; one that was deleted is restored.

    In a database opened here artifacts go to `artifact_root`, whatever folder this process is in.
    """
    from mlflow.exceptions import MlflowException

    experiment = client.get_experiment_by_name(name)
    if experiment is None:
        try:
            creator = client if store.is_server else _database(store)
            created = str(creator.create_experiment(name))
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
            experiment = client.get_experiment_by_name(name)  # another study was faster
        else:
            # Without it the interface asks whether this is about training or about agents.
            client.set_experiment_tag(created, "mlflow.experimentKind", "custom_model_development")
            return created
    if experiment.lifecycle_stage == "deleted":
        _log.warning("the experiment %r was deleted; it is restored for this study", name)
        client.restore_experiment(experiment.experiment_id)
    return str(experiment.experiment_id)


def _database(store: TrackingStore) -> Any:
    """MLflow's own store object, the only way to say where a database keeps its artifacts."""
    prepare_environment()
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    return SqlAlchemyStore(store.tracking_uri, store.artifact_root)


def _publish(fresh: Path, path: Path) -> None:
    """Give a finished file its name, unless somebody else has already put one there."""
    if path.exists() and path.stat().st_size == 0:
        path.unlink()
    try:
        os.link(fresh, path)
    except FileExistsError:
        return
    except OSError:  # a file system without hard links
        fresh.replace(path)


def is_transient(error: BaseException) -> bool:
    """Whether an error may pass: refused connections, time-outs, 5xx, 429, locked databases.

    Errors that say that the request is wrong (4xx), a file that is not there, a database of
    another version, and errors in our own code will not.
    """
    if "out-of-date database schema" in str(error):  # MLflow calls it an internal error
        return False
    status = getattr(error, "get_http_status_code", None)  # mlflow.exceptions.MlflowException
    response: Any = getattr(error, "response", None)  # requests.HTTPError, of artifact uploads
    if status is not None or response is not None:
        if getattr(error, "error_code", "") == "INVALID_STATE":  # 500, but about the request
            return False
        code = response.status_code if status is None else status()
        return bool(code >= 500 or code in _PASSING_STATUS)
    if isinstance(error, FileNotFoundError | PermissionError | NotADirectoryError):
        return False
    return type(error).__name__ in _PASSING_NAMES or isinstance(error, OSError | MemoryError)

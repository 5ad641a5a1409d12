"""Which failures of a tracking store pass by themselves."""

from __future__ import annotations

__all__ = ["is_transient"]

_PASSING_STATUS = (408, 409, 429)  # time-out, conflict, too many requests; and all from 500
_PASSING_NAMES = ("OperationalError", "InterfaceError")  # of SQLAlchemy and the database drivers


def is_transient(error: BaseException) -> bool:
    """Whether an error may pass: refused connections, time-outs, 5xx, 429, locked databases.

    Errors that say that the request is wrong (4xx), a file that is not there, a database of
    another version, and errors in our own code will not.
    """
    if "out-of-date database schema" in str(error):  # MLflow calls it an internal error
        return False
    status = getattr(error, "get_http_status_code", None)  # mlflow.exceptions.MlflowException
    if status is not None:
        if getattr(error, "error_code", "") == "INVALID_STATE":  # 500, but about the request
            return False
        return bool(status() >= 500 or status() in _PASSING_STATUS)
    response = getattr(error, "response", None)  # requests.HTTPError, of artifact uploads
    if response is not None:
        return bool(response.status_code >= 500 or response.status_code in _PASSING_STATUS)
    if isinstance(error, FileNotFoundError | PermissionError | NotADirectoryError):
        return False
    if type(error).__name__ in _PASSING_NAMES:
        return True
    return isinstance(error, OSError | MemoryError)

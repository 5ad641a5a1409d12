from __future__ import annotations

from types import SimpleNamespace

import pytest

from study.tracking.store import is_transient


def mlflow_error(code):
    from mlflow.exceptions import MlflowException
    from mlflow.protos.databricks_pb2 import ErrorCode

    return MlflowException("said so", error_code=ErrorCode.Value(code))


def http_error(status):
    import requests

    return requests.HTTPError(response=SimpleNamespace(status_code=status))


@pytest.mark.parametrize(
    ("code", "passes"),
    [
        ("INTERNAL_ERROR", True),
        ("TEMPORARILY_UNAVAILABLE", True),
        ("REQUEST_LIMIT_EXCEEDED", True),
        ("INVALID_PARAMETER_VALUE", False),
        ("RESOURCE_DOES_NOT_EXIST", False),
        ("INVALID_STATE", False),
        ("PERMISSION_DENIED", False),
        ("BAD_REQUEST", False),
    ],
)
def test_an_answer_of_mlflow_passes_unless_it_is_about_the_request(code, passes):
    assert is_transient(mlflow_error(code)) is passes


@pytest.mark.parametrize(
    ("status", "passes"), [(500, True), (503, True), (429, True), (403, False)]
)
def test_a_failed_upload_passes_unless_it_is_refused(status, passes):
    assert is_transient(http_error(status)) is passes


@pytest.mark.parametrize(
    ("error", "passes"),
    [
        (ConnectionRefusedError(), True),
        (TimeoutError(), True),
        (OSError(28, "No space left on device"), True),
        (FileNotFoundError(), False),
        (PermissionError(), False),
        (TypeError(), False),
        (ValueError(), False),
        (RuntimeError("Detected out-of-date database schema"), False),
    ],
)
def test_other_errors_pass_when_the_machine_is_to_blame(error, passes):
    assert is_transient(error) is passes


def test_a_locked_database_passes():
    import sqlalchemy.exc

    assert is_transient(sqlalchemy.exc.OperationalError("insert", {}, Exception("locked")))

"""Stores that can never be used are refused before anything of a study is written."""

from __future__ import annotations

import logging

import pytest

from search_spaces.grammar.errors import InputError
from study.search.session import run_study
from study.tracking.queue import Write, Writer
from study.tracking.store import store_at
from study.tracking.store_checks import check_storage, check_tracking, tracking_store
from support.finished_study import config_of

STORAGES = [
    "foo", "sqlite://", "sqlite:///:memory:", "sqlite:////nonexistent/x.db", "sqlite:////tmp",
    "postgresql+nothing://h/x", "mssql+pymssql://h/x", "postgresql://h:abc/x", "redis://h", "://",
]  # fmt: skip
URIS = [
    "foo", "ftp://x", "http://[::1", "http://", "http://h:abc", "sqlite://", "redis://h",
    "mssql+pymssql://h/x", "postgresql://h:abc/x", "sqlite:////tmp",
]  # fmt: skip


@pytest.mark.parametrize("url", STORAGES)
def test_a_storage_that_cannot_be_used_is_a_sentence(url):
    with pytest.raises(InputError, match=r"^storage: must be the address of a database") as refused:
        check_storage(url)
    assert url in str(refused.value)


def test_a_storage_that_is_no_database_is_a_sentence_and_a_new_one_is_not_made(tmp_path):
    check_storage(f"sqlite:///{tmp_path}/new.db")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("uri", URIS)
def test_a_tracking_store_that_cannot_be_used_is_a_sentence(tmp_path, uri):
    with pytest.raises(InputError, match=r"^MLFLOW_TRACKING_URI must") as refused:
        check_tracking(store_at(uri, tmp_path))
    assert repr(uri) in str(refused.value)


@pytest.mark.parametrize("uri", ["http://127.0.0.1:9", "https://h/path", "sqlite:///new.db"])
def test_a_store_that_may_answer_later_is_taken(tmp_path, uri):
    check_tracking(store_at(uri, tmp_path))


@pytest.mark.parametrize(
    "noted", [{}, {"tracking_uri": 5}, {"tracking_uri": "sqlite:///m.db", "artifact_root": 5}]
)
def test_a_damaged_note_of_the_store_is_a_sentence(noted, tmp_path):
    with pytest.raises(InputError, match=r"state\.json: mlflow must have"):
        tracking_store({"mlflow": noted}, tmp_path)


@pytest.mark.parametrize(
    ("changes", "uri"), [({"storage": "foo"}, None), ({"tracking": True}, "ftp://x")]
)
def test_a_study_with_such_a_store_has_written_nothing(
    synthetic, tmp_path, monkeypatch, changes, uri
):
    if uri is not None:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    with pytest.raises(InputError, match=r"^storage: must|^MLFLOW_TRACKING_URI must"):
        run_study(config_of(synthetic, **changes), base=tmp_path, echo=str)
    assert not list(tmp_path.iterdir())


SECRET = "https://me:s3cret@nohost.invalid/api"


def test_a_password_is_in_no_sentence_and_no_warning(tmp_path, caplog):
    for refused in (
        lambda: store_at(SECRET.replace("https", "ftp"), tmp_path),
        lambda: check_storage("nothing://me:s3cret@h/x"),
    ):
        with pytest.raises(InputError) as error:
            refused()
        assert "s3cret" not in str(error.value)
        assert "me:***@" in str(error.value)

    def fail(_payload, _again):
        raise RuntimeError(f"no answer from {SECRET}")

    writer = Writer(transient=lambda _: False, probe=str, dropped=lambda *_: None)
    with caplog.at_level(logging.WARNING):
        writer.put(Write("k", "a write", fail))
        writer.start()
        writer.close(5.0)
    assert "https://me:***@nohost.invalid/api" in caplog.text
    assert "s3cret" not in caplog.text

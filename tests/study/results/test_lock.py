"""The lock of a study: whatever lies in its place, there is one coordinator or a sentence."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import threading
import time

import pytest

from search_spaces.grammar.errors import InputError
from study.results import StudyLock
from study.results.lock import holder

pytestmark = pytest.mark.timeout(60)


@pytest.mark.parametrize(
    "text",
    [
        "", "{", "null", "[]", "5", '{"heartbeat": "soon"}', '{"heartbeat": null, "host": "x"}',
        '{"host": ["x"], "pid": {}, "purpose": 5}',
    ],
)  # fmt: skip
def test_what_is_no_lease_of_a_living_holder_holds_nothing(tmp_path, text):
    holds_nothing(tmp_path, text)


@pytest.mark.parametrize("later_s", [-3600, 86_400])
def test_a_heartbeat_of_long_ago_or_of_the_future_holds_nothing(tmp_path, later_s):
    lease = {"host": "elsewhere", "heartbeat": time.time() + later_s}
    holds_nothing(tmp_path, json.dumps(lease))


def holds_nothing(tmp_path, text):
    (tmp_path / ".lock").write_text(text)
    with StudyLock(tmp_path):
        assert holder(tmp_path) == "run"
    assert holder(tmp_path) is None


def test_who_only_asks_keeps_nobody_from_the_lock(tmp_path):
    with (tmp_path / ".lock").open("w") as asking:
        fcntl.flock(asking, fcntl.LOCK_SH)
        threading.Timer(0.015, fcntl.flock, (asking, fcntl.LOCK_UN)).start()
        with StudyLock(tmp_path):
            assert holder(tmp_path) == "run"


def test_a_fresh_lease_of_another_host_holds(tmp_path):
    lease = {"host": "elsewhere", "pid": 7, "heartbeat": time.time()}
    (tmp_path / ".lock").write_text(json.dumps(lease))
    with pytest.raises(InputError, match="is being run by process 7 on elsewhere"):
        StudyLock(tmp_path).__enter__()


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo, lambda path: path.symlink_to("/dev/zero")])
def test_what_is_no_file_is_a_sentence(tmp_path, make):
    make(tmp_path / ".lock")
    for use in (lambda: StudyLock(tmp_path).__enter__(), lambda: holder(tmp_path)):
        with pytest.raises(InputError, match=r"\.lock: .*must be a regular file, got"):
            use()


def test_a_link_is_not_followed_to_a_file_that_would_be_emptied(tmp_path):
    precious = tmp_path / "precious"
    precious.write_text("x")
    (tmp_path / ".lock").symlink_to(precious)
    with pytest.raises(InputError, match="got a link"):
        StudyLock(tmp_path).__enter__()
    assert precious.read_text() == "x"


def test_the_lease_that_a_crash_left_on_this_host_holds_nothing(tmp_path):
    code = (
        "import os, sys; from pathlib import Path; from study.results.lock import StudyLock;"
        "StudyLock(Path(sys.argv[1])).__enter__(); os._exit(9)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], timeout=50)
    assert done.returncode == 9
    assert json.loads((tmp_path / ".lock").read_text())["pid"] > 0
    assert holder(tmp_path) is None
    with StudyLock(tmp_path):
        pass


def test_a_second_coordinator_is_refused_with_a_sentence(finished, tmp_path):
    with (
        StudyLock(finished),
        pytest.raises(InputError, match=rf"is being run by process {os.getpid()} on"),
        StudyLock(finished),
    ):
        pass
    with StudyLock(finished):  # and a lock that was left is taken
        pass
    held = rf"is held for `spectune refit` by process {os.getpid()} on"
    with (
        StudyLock(finished, purpose="refit"),
        pytest.raises(InputError, match=held),
        StudyLock(finished),
    ):
        pass


def test_a_fresh_lease_of_another_host_is_respected_and_a_stale_one_is_not(tmp_path):
    lease = {"host": "elsewhere", "pid": 1, "heartbeat": time.time()}
    (tmp_path / ".lock").write_text(json.dumps(lease))
    with pytest.raises(InputError, match="process 1 on elsewhere"), StudyLock(tmp_path):
        pass
    (tmp_path / ".lock").write_text(json.dumps(lease | {"heartbeat": time.time() - 3600}))
    with StudyLock(tmp_path):
        pass

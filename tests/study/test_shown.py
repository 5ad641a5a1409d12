"""Whatever happens to standard output and error, what is done goes on."""

from __future__ import annotations

import io
import os
import pty
import sys
import time
from typing import TextIO

import pytest
from rich.console import Console

from study.search.display import LiveProgress
from study.shown import Shown, lost, undisturbed


def gone_reader() -> TextIO:
    read, write = os.pipe()
    os.close(read)
    return os.fdopen(write, "w")


def gone_terminal() -> TextIO:
    master, slave = pty.openpty()
    os.close(master)
    return os.fdopen(slave, "w")


def full_disk() -> TextIO:
    return os.fdopen(os.open("/dev/full", os.O_WRONLY), "w")


def closed() -> TextIO:
    stream = io.StringIO()
    stream.close()
    return stream


BROKEN = {
    "a reader that has gone": (gone_reader, None),
    "a terminal that has vanished": (gone_terminal, "Input/output error"),
    "a full disk": (full_disk, "No space left on device"),
    "a closed stream": (closed, "I/O operation on closed file"),
}


@pytest.mark.parametrize(("make", "reason"), BROKEN.values(), ids=BROKEN)
def test_a_stream_that_fails_is_printed_to_in_vain(monkeypatch, make, reason):
    stream = make()
    monkeypatch.setattr(sys, "stdout", stream)
    with undisturbed():
        for _ in range(3):
            print("x" * 10_000, flush=True)
        assert lost(sys.stdout) == reason
        assert sys.stdout.error is not None
    assert sys.stdout is stream
    stream.close()  # what waits in its buffer fails nobody either


def test_characters_that_a_stream_lacks_are_escaped(monkeypatch):
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="latin-1"))
    with undisturbed():
        print("Zéro нуль", flush=True)
        assert lost(sys.stdout) is None
    assert raw.getvalue() == "Zéro \\u043d\\u0443\\u043b\\u044c\n".encode("latin-1")


def test_no_standard_output_at_all_stays_none(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    with undisturbed():
        print("x")
        assert sys.stdout is None


def test_the_live_display_goes_on_where_its_terminal_vanishes():
    master, slave = pty.openpty()
    stream = Shown(os.fdopen(slave, "w"))
    progress = LiveProgress(Console(file=stream, force_terminal=True, width=80))
    progress.begin([], 2)
    progress.trial_started(0, "a", 0, 3)
    os.close(master)
    for number in (0, 1):
        ended = {"number": number, "state": "complete", "uar": 0.5, "family": "x", "name": "a"}
        progress.trial_finished({**ended, "reason": None})
        time.sleep(0.6)  # the display draws itself twice a second
    progress.end()
    assert progress.done == 2
    assert stream.error is not None

from __future__ import annotations

import threading
import time

import pytest

from study.tracking.queue import Write, Writer


class Store:
    """Remembers what was written; `failing` is raised instead, for as long as it is set."""

    def __init__(self) -> None:
        self.written: list[object] = []
        self.failing: Exception | None = None
        self.poison: set[object] = set()
        self.tries = 0
        self.gate = threading.Event()
        self.gate.set()

    def take(self, value: object) -> None:
        self.gate.wait(10)
        self.tries += 1
        if self.failing is not None:
            raise self.failing
        if value in self.poison:
            raise ConnectionError("500")
        self.written.append(value)


@pytest.fixture
def store():
    return Store()


@pytest.fixture
def dropped():
    return []


@pytest.fixture
def writer(store, dropped, monkeypatch):
    monkeypatch.setattr("study.tracking.queue._FIRST_WAIT", 0.01)
    monkeypatch.setattr("study.tracking.queue._LONGEST_WAIT", 0.05)
    writer = Writer(
        transient=lambda error: isinstance(error, OSError),
        probe=lambda: store.take("probe"),
        dropped=lambda write, _error: dropped.append(write.label),
        limit_bytes=10_000,
        largest_payload=5,
    )
    yield writer
    store.gate.set()
    writer.close(0.0)


def single(store, value, key="k", cost=10):
    return Write(key, str(value), lambda _payload, _again: store.take(value), cost=cost)


def points(store, key, *values):
    def apply(payload, _again):
        store.take((key, *payload))

    return Write(key, f"points of {key}", apply, payload=list(values), cost=10)


def test_writes_keep_their_order(store, writer):
    for value in range(100):
        writer.put(single(store, value))
    writer.start()
    assert writer.close(5.0) == ()
    assert store.written == list(range(100))


def test_points_of_one_run_that_wait_become_one_write_up_to_a_limit(store, writer):
    for epoch in range(7):
        writer.put(points(store, "a", epoch))
        writer.put(points(store, "b", epoch))
    writer.start()
    writer.close(5.0)
    assert store.written == [
        ("a", 0, 1, 2, 3, 4),
        ("b", 0, 1, 2, 3, 4),
        ("a", 5, 6),
        ("b", 5, 6),
    ]


def test_points_never_pass_another_write_of_their_run(store, writer):
    writer.put(points(store, "a", 1))
    writer.put(single(store, "end of a", key="a"))
    writer.put(points(store, "a", 2))
    writer.start()
    writer.close(5.0)
    assert store.written == [("a", 1), "end of a", ("a", 2)]


def test_points_do_not_join_a_write_that_is_under_way(store, writer):
    store.gate.clear()
    writer.put(points(store, "a", 1))
    writer.start()
    time.sleep(0.1)
    writer.put(points(store, "a", 2))
    store.gate.set()
    writer.close(5.0)
    assert store.written == [("a", 1), ("a", 2)]


def test_putting_returns_at_once_while_the_store_hangs(store, writer):
    store.gate.clear()
    writer.start()
    started = time.monotonic()
    for value in range(100):
        writer.put(single(store, value))
    assert time.monotonic() - started < 0.5


def test_writes_catch_up_in_order_when_the_store_comes_back(store, writer, dropped, caplog):
    store.failing = ConnectionError("refused")
    writer.start()
    for value in range(5):
        writer.put(single(store, value))
    time.sleep(0.3)
    assert writer.seconds_away > 0.1
    assert store.tries > 4
    store.failing = None
    assert writer.close(5.0) == ()
    assert [value for value in store.written if value != "probe"] == list(range(5))
    assert dropped == []
    assert [r.message.split(",")[0].split(" after")[0] for r in caplog.records] == [
        "tracking store away",
        "tracking store back",
    ]


def test_a_write_that_can_never_succeed_is_dropped_and_the_next_goes_on(
    store, writer, dropped, caplog
):
    def refuse(_payload, _again):
        raise ValueError("no such parameter")

    writer.put(Write("k", "the bad one", refuse))
    writer.put(single(store, "good"))
    writer.start()
    writer.close(5.0)
    assert dropped == ["the bad one"]
    assert store.written == ["good"]
    assert "not tracked: the bad one (no such parameter)" in caplog.text


def test_a_write_that_alone_fails_on_a_healthy_store_does_not_block_for_ever(
    store, writer, dropped
):
    store.poison = {"sick"}
    writer.put(single(store, "sick"))
    writer.put(single(store, "good"))
    writer.start()
    assert writer.close(5.0) == ()
    assert dropped == ["sick"]
    assert store.written[-1] == "good"


def test_a_repeated_write_is_told_that_it_may_be_done_already(store, writer):
    told = []

    def fails_once(_payload, again):
        told.append(again)
        if not again:
            raise ConnectionError("timed out")

    writer.put(Write("k", "w", fails_once))
    writer.start()
    writer.close(5.0)
    assert told == [False, True]


def test_closing_while_the_store_is_away_returns_in_time_and_names_what_is_left(store, writer):
    store.failing = ConnectionError("refused")
    writer.start()
    writer.put(single(store, "one"))
    writer.put(single(store, "two"))
    started = time.monotonic()
    assert writer.close(0.5) == ("one", "two")
    assert time.monotonic() - started < 1.5


def test_closing_while_a_call_hangs_returns_in_time(store, writer):
    store.gate.clear()
    writer.start()
    writer.put(single(store, "one"))
    started = time.monotonic()
    assert writer.close(0.3) == ("one",)
    assert time.monotonic() - started < 1.5


def test_what_waits_is_bounded_and_the_overflow_is_told(store, writer, dropped, caplog):
    for value in range(50):
        writer.put(single(store, value, cost=1000))
    assert len(dropped) == 40
    assert caplog.text.count("not tracked") == 5  # the others are counted
    writer.start()
    writer.close(5.0)
    assert store.written == list(range(10))
    assert writer.n_dropped == 40

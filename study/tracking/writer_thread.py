"""The thread that owns the tracking store: opens it, and hands it to one write after the other."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

from search_spaces.grammar.errors import InputError
from study.text import without_passwords
from study.tracking.queue import Write, Writer
from study.tracking.run_client import ParentRun, RunClient
from study.tracking.store import TrackingStore, is_transient
from study.tracking.values import Point, cut, now_ms

STUDY = "study"  # the key of the parent run; trials have their number
_PATIENCE_AWAY = 2.0  # seconds that a start waits for a store that does not answer
_log = logging.getLogger(__name__)


class StoreThread:
    """A writer with an open store.

    Args:
        store: Where to write.
        parent: The study's parent run, which is made or continued before anything else.

    Attributes:
        client: The open store; None as long as it was never reached.
        incomplete: Keys of which something was dropped.
    """

    def __init__(self, store: TrackingStore, parent: ParentRun) -> None:
        self.store, self._parent = store, parent
        self.client: RunClient | None = None
        self.incomplete: set[object] = set()
        self._refused: BaseException | None = None
        self._opening = Write(STUDY, "the study's run", self._open)
        self._writer = Writer(transient=is_transient, probe=self._probe, dropped=self._dropped)

    def start(self, wait_s: float) -> None:
        """Open the store, and wait for it while it answers, but at most `wait_s`.

        Raises:
            InputError: The store can never be used.
        """
        self._writer.put(self._opening)
        self._writer.start()
        deadline = time.monotonic() + wait_s
        while not self._opening.done.wait(0.05):
            if self._writer.seconds_away > _PATIENCE_AWAY or time.monotonic() > deadline:
                _log.warning("the study starts without the tracking store %s", self.store.label)
                return
        if self._refused is not None:
            reason = cut(without_passwords(" ".join(str(self._refused).split())), 400)
            broken = "not a database" in reason or "malformed" in reason
            hint = "; `spectune reconcile` moves it away and makes a new one" if broken else ""
            raise InputError(
                f"the tracking store {self.store.label} cannot be used: {reason}{hint}"
            )

    def put(
        self, key: object, label: str, apply: Callable[[RunClient, bool], None], cost: int = 0
    ) -> None:
        """Queue a write.

        Args:
            key: What it is about: `STUDY`, or a trial's number.
            label: What it is, for warnings.
            apply: Gets the open store, and whether an earlier try may already have written.
            cost: About how many bytes it holds.
        """
        self._writer.put(
            Write(key, label, lambda _, again: apply(self._opened(), again), cost=500 + cost)
        )

    def put_points(self, key: object, label: str, points: list[Point]) -> None:
        """Queue metrics of the parent run or a trial; they join what waits for the same run."""

        def apply(payload: list[Any], again: bool) -> None:
            client = self._opened()
            run_id = (
                client.trial_run(key, again, {}, payload[0].time_ms)
                if isinstance(key, int)
                else client.run_id
            )
            client.log(run_id, payload)

        cost = 500 + 150 * len(points)
        self._writer.put(Write(key, label, apply, payload=list(points), cost=cost))

    def close(self, drain_s: float) -> str | None:
        """Write what waits; a sentence says what could not be written."""
        waiting, dropped = self._writer.close(drain_s), self._writer.n_dropped
        if not waiting and not dropped:
            return None
        sentence = (
            f"the tracking store {self.store.label} lacks {len(waiting)} writes that did not "
            f"arrive and {dropped} that were dropped; `spectune reconcile` makes up for them"
        )
        _log.warning("%s", sentence)
        return sentence

    def _open(self, _payload: list[Any], _again: bool) -> None:
        try:
            self.client = RunClient.open(self.store, self._parent)
        except OSError as error:
            raise ConnectionError(str(error)) from error  # its place is away, and may come back

    def _opened(self) -> RunClient:
        if self.client is None:
            raise RuntimeError("the tracking store was refused")
        return self.client

    def _probe(self) -> None:
        if self.client is None:
            raise ConnectionError("the store was never reached")
        self.client.probe(now_ms())

    def _dropped(self, write: Write, error: BaseException) -> None:
        self.incomplete.add(write.key)
        if write is self._opening:
            self._refused = error


class NullThread(StoreThread):
    """Keeps nothing."""

    def __init__(self) -> None:
        super().__init__(TrackingStore("none", None), ParentRun("", "", ""))

    def put(
        self, key: object, label: str, apply: Callable[[RunClient, bool], None], cost: int = 0
    ) -> None:
        """Keep nothing."""

    def put_points(self, key: object, label: str, points: list[Point]) -> None:
        """Keep nothing."""

"""A thread that writes one thing after the other, and waits where the store is away.

It knows nothing of MLflow. The main thread only puts `Write`s; the thread carries them out in
order, merges what may be merged, repeats what failed for a passing reason, and drops what can
never succeed.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from study.text import without_passwords

_FIRST_WAIT = 0.25  # seconds; doubled at each failure
_LONGEST_WAIT = 10.0
_LONGEST_WAIT_CLOSING = 0.5
_TRIES_BEFORE_PROBE = 3
_WARNINGS = 5  # about dropped writes; the rest is counted
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Write:
    """One thing to be written.

    Attributes:
        key: What it is about; writes of one key keep their order.
        label: What it is, for warnings.
        apply: Writes. Gets the payload, and whether an earlier try may already have written it:
            it must be safe to repeat.
        payload: What later writes of the same key may be merged into; None where nothing may.
        cost: About how many bytes it holds.
    """

    key: object
    label: str
    apply: Callable[[list[Any], bool], None]
    payload: list[Any] | None = None
    cost: int = 500
    done: threading.Event = field(default_factory=threading.Event)


class Writer:
    """Carries out writes in a thread of its own.

    Args:
        transient: Whether an error will pass by itself (a server that is away, a locked database).
        probe: Any small write; raises while the store is away. Tells a sick store from a write
            that the store will never take.
        dropped: Told of each write that is given up, with its error.
        limit_bytes: New writes are dropped while more than this is waiting.
        largest_payload: Entries at which a write is closed for merging.
    """

    def __init__(
        self,
        *,
        transient: Callable[[BaseException], bool],
        probe: Callable[[], None],
        dropped: Callable[[Write, BaseException], None],
        limit_bytes: int = 64 * 2**20,
        largest_payload: int = 900,
    ) -> None:
        self._transient, self._probe, self._dropped = transient, probe, dropped
        self._limit_bytes, self._largest_payload = limit_bytes, largest_payload
        self._changed = threading.Condition()
        self._waiting: deque[Write] = deque()
        self._open: dict[object, Write] = {}  # key -> its last write, while that may be merged into
        self._bytes = 0
        self._deadline: float | None = None  # set by close()
        self._away_since: float | None = None
        self.n_written = 0
        self.n_dropped = 0
        self._thread = threading.Thread(target=self._run, name="tracking", daemon=True)

    def start(self) -> None:
        """Start the thread; what was put before is written first."""
        self._thread.start()

    @property
    def seconds_away(self) -> float:
        """How long the store has been away, 0 when the last try succeeded."""
        since = self._away_since
        return 0.0 if since is None else time.monotonic() - since

    def put(self, write: Write) -> None:
        """Queue a write and return at once."""
        with self._changed:
            too_much = self._bytes + write.cost > self._limit_bytes
            if not too_much:
                self._bytes += write.cost
                self._append(write)
                self._changed.notify_all()
        if too_much:
            self._drop(write, MemoryError("too much is waiting for the tracking store"))

    def close(self, drain_s: float) -> tuple[str, ...]:
        """Write what is left, for at most `drain_s` seconds.

        Returns:
            The labels of what was not written; a last call still under way counts as unwritten.
        """
        with self._changed:
            self._deadline = time.monotonic() + drain_s
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(drain_s + 0.2)
        with self._changed:
            return tuple(write.label for write in self._waiting)

    def _append(self, write: Write) -> None:
        last = self._open.get(write.key)
        if write.payload is None:
            self._open.pop(write.key, None)
            self._waiting.append(write)
        elif last is not None and last.payload is not None:
            last.payload.extend(write.payload)
            last.cost += write.cost
            if len(last.payload) >= self._largest_payload:
                del self._open[write.key]
        else:
            self._open[write.key] = write
            self._waiting.append(write)

    def _run(self) -> None:
        while (write := self._next()) is not None and self._carry_out(write):
            with self._changed:
                self._waiting.popleft()
                self._bytes -= write.cost
            write.done.set()

    def _next(self) -> Write | None:
        """The oldest write, left at the head of the queue; None when all is done or time is up."""
        with self._changed:
            while not self._waiting and self._deadline is None:
                self._changed.wait()
            late = self._deadline is not None and time.monotonic() >= self._deadline
            if late or not self._waiting:
                return None
            write = self._waiting[0]
            if self._open.get(write.key) is write:
                del self._open[write.key]  # from here on its payload stays as it is
            return write

    def _carry_out(self, write: Write) -> bool:
        """Try until it is written or given up; False when the time of close() is over."""
        tries = 0
        store_is_well = False
        while True:
            try:
                write.apply(write.payload or [], tries > 0)
            except Exception as error:
                tries += 1
                if store_is_well or not self._transient(error):
                    self._is_back()
                    self._drop(write, error)
                    return True
                store_is_well = tries > _TRIES_BEFORE_PROBE and self._probe_passes()
                if not store_is_well and not self._pause(tries, error):
                    return False
            else:
                self._is_back()
                self.n_written += 1
                return True

    def _probe_passes(self) -> bool:
        """Whether the store takes another write: then the one that fails is at fault itself."""
        try:
            self._probe()
        except Exception:
            return False
        return True

    def _pause(self, tries: int, error: BaseException) -> bool:
        """Wait before the next try; False when there is no time left for one."""
        if self._away_since is None:
            self._away_since = time.monotonic()
            _log.warning("tracking store away, writes wait for it: %s", _first_line(error))
        wait = min(_FIRST_WAIT * 2.0 ** min(tries - 1, 10), _LONGEST_WAIT)
        with self._changed:
            if self._deadline is None:
                self._changed.wait_for(lambda: self._deadline is not None, wait)
            if self._deadline is None:
                return True
            left = self._deadline - time.monotonic()
        if left <= 0:
            return False
        time.sleep(min(wait, left, _LONGEST_WAIT_CLOSING))
        return True

    def _is_back(self) -> None:
        if self._away_since is not None:
            seconds = time.monotonic() - self._away_since
            self._away_since = None
            _log.warning("tracking store back after %.0f s, writes catch up", seconds)

    def _drop(self, write: Write, error: BaseException) -> None:
        self.n_dropped += 1
        if self.n_dropped <= _WARNINGS:
            more = "; further ones are only counted" if self.n_dropped == _WARNINGS else ""
            _log.warning("not tracked: %s (%s)%s", write.label, _first_line(error), more)
        self._dropped(write, error)
        write.done.set()


def _first_line(error: BaseException) -> str:
    """What an error says, on one line and without passwords."""
    text = without_passwords(str(error).strip() or type(error).__name__)
    return text.splitlines()[0][:300]

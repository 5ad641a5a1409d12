"""Requests about many files, answered in order by worker processes that may crash or hang.

One that dies takes one request with it; its successor goes on with the next.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from study.corpus.audio.worker_process import Answer, WorkerProcess

T = TypeVar("T")

_TOGETHER = 8  # small files that a worker is asked about at once, so that it need not wait
_MOST_BYTES = 1 << 27  # of answers held ahead; with the above this bounds the memory
_SMALL = 1 / 128  # of that: what files that are asked about at once may have in all


class WorkerPool(Generic[T]):
    """An iterator over the answers to requests, to be read or closed.

    Threads with a process each take a few small files or one large one at a time, in order. They
    wait while too much is answered and not taken yet; the one that is taken next never waits, or
    nothing would go on.

    Args:
        arguments: A worker's command line.
        requests: Plain values, the file's path first.
        read: Makes of a request and its answer, or of what it did to its process, what is given.
        workers: Processes at a time.
        ahead: Requests at most that are answered before the one that is waited for is taken.
        limit: Seconds that a worker was given for a request.

    Raises:
        RuntimeError: When it is read, where a worker does not start at all.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        requests: Sequence[Sequence[Any]],
        read: Callable[[Sequence[Any], Answer | str], T],
        *,
        workers: int,
        ahead: int,
        limit: float,
    ) -> None:
        self._arguments = arguments
        self._requests = requests
        self._read = read
        self._ahead = ahead
        self._limit = limit
        self._changed = threading.Condition()
        self._given = 0  # requests that some thread has taken on
        self._taken = 0
        self._held = 0  # bytes
        self._answers: dict[int, Answer | str] = {}
        self._processes: list[WorkerProcess] = []
        self._stopped = False
        self._error: Exception | None = None
        self._threads = [
            threading.Thread(target=self._work, name="worker", daemon=True)
            for _ in range(min(workers, max(len(requests), 1)))
        ]
        for thread in self._threads:
            thread.start()

    def __iter__(self) -> WorkerPool[T]:
        return self

    def __next__(self) -> T:
        position = self._taken
        if position == len(self._requests):
            self.close()
            raise StopIteration
        with self._changed:
            self._changed.wait_for(lambda: position in self._answers or self._error is not None)
            answer = self._answers.pop(position, None)
            if answer is not None:
                self._held -= _size(answer)
                self._taken += 1
                self._changed.notify_all()
        if answer is not None:
            return self._read(self._requests[position], answer)
        self.close()
        assert self._error is not None
        raise self._error

    def __enter__(self) -> WorkerPool[T]:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """End the processes, whatever they are at."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
            for process in self._processes:
                process.kill()
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        """Have requests answered until there are no more: what a thread does."""
        process: WorkerProcess | None = None
        try:
            while positions := self._next_positions():
                while positions and not self._stopped:
                    self._wait(positions[0])
                    if process is None or not process.alive:
                        process = self._start()
                    process.ask([self._requests[i] for i in positions])
                    while positions and process.alive:
                        self._wait(positions[0])
                        self._put(positions.pop(0), process.answer())
        except Exception as error:  # raised where the answers are asked for
            with self._changed:
                self._error = error
                self._changed.notify_all()
        finally:
            if process is not None:
                process.stop()

    def _start(self) -> WorkerProcess:
        process = WorkerProcess(self._arguments, self._limit)
        with self._changed:
            self._processes.append(process)
            if self._stopped:
                process.kill()
        return process

    def _next_positions(self) -> list[int]:
        """Wait for room and return the positions of the next requests; none at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._given < self._taken + self._ahead or self._stopped)
            first = last = self._given
            size = 0
            while not self._stopped and last < len(self._requests) and last - first < _TOGETHER:
                with contextlib.suppress(OSError):  # which the worker will report
                    size += os.stat(self._requests[last][0]).st_size  # noqa: PTH116 (faster)
                if last > first and size > _SMALL * _MOST_BYTES:
                    break
                last += 1
            self._given = last
            return list(range(first, last))

    def _wait(self, position: int) -> None:
        with self._changed:
            self._changed.wait_for(
                lambda: self._held < _MOST_BYTES or position <= self._taken or self._stopped
            )

    def _put(self, position: int, answer: Answer | str) -> None:
        with self._changed:
            self._answers[position] = answer
            self._held += _size(answer)
            self._changed.notify_all()


def _size(answer: Answer | str) -> int:
    return 0 if isinstance(answer, str) else len(answer[1])

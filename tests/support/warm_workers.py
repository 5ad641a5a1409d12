"""Workers that outlive their study: starting one takes longer than a tiny study trains."""

from __future__ import annotations

import os
import queue
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from runners.engines.local import LocalEngine, Slot
from runners.job import Job

UNREAD = ("PYTEST", "MLFLOW", "DO_NOT_TRACK")  # variables that a worker does not look at


class WarmSlot(Slot):
    """A slot whose process another engine may go on with."""

    _started_in: object = None  # environment and folder of the process
    _held = ("", "")  # the last task's file and text, which the process keeps

    def submit(self, job: Job) -> None:
        """Give the worker a job; where a new process would do otherwise, it gets a new one."""
        environment = {k: v for k, v in os.environ.items() if not k.startswith(UNREAD)}
        paths = [job.task, job.folder, *filter(None, [job.weights])]
        place = (environment, all(Path(path).is_absolute() for path in paths) or Path.cwd())
        task = (job.task, Path(job.task).read_text())
        if self._started_in != place or (self._held[0] == task[0] and self._held != task):
            self.kill()
        self._started_in, self._held = place, task
        super().submit(job)

    def report_to(self, events: queue.Queue[Any]) -> WarmSlot:
        """Send what happens to another engine from now on."""
        self._events = events
        return self


class WarmEngine(LocalEngine):
    """An engine that begins with the idle workers of those that were stopped."""

    parked: ClassVar[dict[tuple[int, str, int], WarmSlot]] = {}

    def __init__(self, devices: Sequence[str], **options: Any) -> None:
        super().__init__(devices, **options)
        for cold in self.slots:
            key = (cold.index, cold.device, cold.threads)
            warm = self.parked.pop(key, None) or WarmSlot(*key, self._events)
            self.slots[cold.index] = warm.report_to(self._events)

    def stop(self, number: int | None = None) -> None:
        """Stop one attempt, or all of them; idle workers are kept."""
        super().stop(number) if number is not None else self._park()

    def _park(self) -> None:
        for slot in self.slots:
            if slot.job is not None:
                slot.kill()
            key = (slot.index, slot.device, slot.threads)
            if isinstance(slot, WarmSlot):
                self.parked[key] = slot
            self.slots[slot.index] = Slot(*key, self._events)

    @classmethod
    def end(cls) -> None:
        """End the workers that are kept."""
        while cls.parked:
            cls.parked.popitem()[1].kill()

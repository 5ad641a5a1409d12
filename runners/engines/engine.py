"""What runs trials: the verbs that a machine or a cluster must offer the coordinator."""

from __future__ import annotations

from typing import Any, Protocol

from runners.job import Job

Event = dict[str, Any]  # {event, number, attempt, ...}, JSON values
MAX_LOSSES = 3  # of its worker that a trial survives; a killed coordinator is not its fault


class Engine(Protocol):
    """Slots that each run one attempt at a time.

    Events of an attempt: `start` {slot, device, pid, host}, `resumed` {epoch, devel_uar},
    `epoch` {...}, and one of the last ones: `done` {state, ...}, `failed` {kind, reason}, `lost`
    {reason} (its worker is gone; the attempt left at most a checkpoint).
    """

    @property
    def free(self) -> int:
        """Number of slots without an attempt."""

    def submit(self, job: Job) -> None:
        """Start an attempt in a free slot."""

    def poll(self, timeout: float) -> list[Event]:
        """Return what has happened, waiting up to `timeout` seconds for something to happen."""

    def answer(self, number: int, *, epoch: int, prune: bool) -> None:
        """Send an attempt the decision at its rung: go on or stop."""

    def fetch(self, number: int, name: str) -> bytes:
        """Return a file that an attempt left."""

    def stop(self, number: int | None = None) -> None:
        """Stop one attempt at once, or all of them and the engine."""

"""When a study stops because its trials fail alike; bad luck with one spec is not that."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

__all__ = ["FailingAlike"]

ALIKE = 3  # trials failing with one reason and none completing between them stop the study


class FailingAlike:
    """Counts the trials that failed for one reason, with none completing between them.

    >>> failing, result = FailingAlike(), {"state": "failed", "kind": "error", "reason": "no file"}
    >>> [failing.count(result | {"number": number}) for number in (4, 5, 7)]
    ['', '', 'trials 4, 5, 7 failed alike: no file']
    """

    def __init__(self) -> None:
        self._numbers: dict[str, list[int]] = defaultdict(list)  # of trials, by reason

    def count(self, result: Mapping[str, Any]) -> str:
        """Count a trial that has ended; return why the study should stop, empty if it need not."""
        if result["state"] != "failed":
            self._numbers.clear()
            return ""
        if result["kind"] in ("memory", "loss"):
            return ""
        alike = self._numbers[result["reason"]]
        alike.append(result["number"])
        if len(alike) < ALIKE:
            return ""
        return f"trials {', '.join(map(str, alike))} failed alike: {result['reason']}"

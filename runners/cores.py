"""How many CPU cores there are; a file of its own, since `runners.device` loads torch."""

from __future__ import annotations

import os


def n_cores() -> int:
    """CPU cores this process may use, at least 1."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on every system
        return os.cpu_count() or 1

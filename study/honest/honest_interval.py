"""The interval of a nested UAR: over speakers, and widened for the choice of the fusion."""

from __future__ import annotations

import numpy as np

from study.metrics import SpeakerCounts
from study.metrics.intervals import Interval, IntervalMethod, interval_of_counts

__all__ = ["nested_interval"]

# Resampling speakers does not see that another devel set would have chosen another fusion. In the
# simulation the squared error of the nested UAR exceeds the squared standard error over speakers
# by about 6 / n_speakers of it (docs/honest-estimates.md).
SELECTION_EXCESS = 6.0


def nested_interval(
    counts: SpeakerCounts, *, method: IntervalMethod = "expanded", seed: int = 0
) -> Interval:
    """Interval of a nested UAR; without bounds where there are fewer than 5 speakers."""
    widen = float(np.sqrt(1 + SELECTION_EXCESS / len(counts.totals)))
    return interval_of_counts(counts, method=method, seed=seed, widen=widen)

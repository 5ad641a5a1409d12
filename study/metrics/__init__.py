"""UAR and how sure one can be of it: intervals and tests over speakers, calibration error."""

from __future__ import annotations

from study.metrics.intervals import interval
from study.metrics.permutation_tests import compare
from study.metrics.speaker_counts import SpeakerCounts, count_by_speaker
from study.metrics.uar import confusion_matrix, uar_of_probabilities, unweighted_average_recall

__all__ = [
    "SpeakerCounts",
    "compare",
    "confusion_matrix",
    "count_by_speaker",
    "interval",
    "uar_of_probabilities",
    "unweighted_average_recall",
]

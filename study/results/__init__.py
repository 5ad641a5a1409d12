"""A results folder on disk: read strictly by anyone, written by the coordinator alone."""

from __future__ import annotations

from study.results.ensemble_json import Ensemble
from study.results.lock import StudyLock
from study.results.study_results import StudyResults, read_results
from study.results.trial_record import TrialRecord

__all__ = ["Ensemble", "StudyLock", "StudyResults", "TrialRecord", "read_results"]

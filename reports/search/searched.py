"""The trials and parameters that importance is asked about: what the search varied."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from reports.search.dimensions import fitted_at_once, unused_params, used_params
from study.results import StudyResults, TrialRecord
from study.results.trial_record import BASELINE


def usable_trials(results: StudyResults) -> tuple[TrialRecord, ...]:
    """The completed and pruned trials that have parameters, by number."""
    return tuple(trial for trial in results.trials if trial.ranked and trial.params)


def searched_trials(
    results: StudyResults,
) -> tuple[list[TrialRecord], tuple[TrialRecord, ...]]:
    """The usable trials of the search, and the baselines beside them that say nothing of it."""
    usable = usable_trials(results)
    baselines = left_out_baselines(usable)
    return [trial for trial in usable if trial not in baselines], baselines


def left_out_baselines(trials: Sequence[TrialRecord]) -> tuple[TrialRecord, ...]:
    """The baselines whose backbone the search does not have: far off, they would say nothing else.

    One trial of a linear machine among networks is most of the variance of UAR, and all that was
    set with it seems to have made it.
    """
    if all(trial.origin.startswith(BASELINE) for trial in trials):
        return ()
    searched = {t.params.get("backbone") for t in trials if not t.origin.startswith(BASELINE)}
    return tuple(
        trial
        for trial in trials
        if trial.origin.startswith(BASELINE) and trial.params.get("backbone") not in searched
    )


def filled_params(trials: Sequence[TrialRecord], *, seed: int = 0) -> list[Mapping[str, Any]]:
    """The parameters of trials, with values for those that a trial's backbone leaves unused.

    A linear machine uses no recipe and no augmentation. Were they absent, they would say the same
    as the backbone and share what it made alone; so it gets those of a trial that uses them, drawn.
    """
    generator = np.random.default_rng(seed)
    users = [trial for trial in trials if not fitted_at_once(trial)]
    return [
        {**unused_params(users[generator.integers(len(users))]), **used_params(trial)}
        if users and fitted_at_once(trial)
        else used_params(trial)
        for trial in trials
    ]

"""The maintained implementation as the judge; it lives in an environment of its own:

uv venv judge && uv pip install --python judge autogluon.core pytest
PYTHONPATH=.:tests judge/bin/python -m pytest -c /dev/null --noconftest \\
  tests/study/fusion/methods/test_greedy_autogluon.py
"""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.bench_ensemble import random_library
from study.fusion.methods.greedy import greedy

selection = pytest.importorskip("autogluon.core.models.greedy_ensemble.ensemble_selection")


@pytest.mark.parametrize("n_classes", [2, 3, 7])
@pytest.mark.parametrize("n_clips", [200, 1000, 3000])
@pytest.mark.parametrize("n_candidates", [10, 30])
def test_members_enter_in_the_order_of_autogluon(n_candidates, n_clips, n_classes):
    from autogluon.core.metrics import balanced_accuracy

    trials, labels = random_library(n_candidates, 1, n_clips, n_classes, seed=n_clips)
    library = np.stack([trial[0].astype(np.float64) for trial in trials])
    library /= library.sum(axis=-1, keepdims=True)
    judge = selection.EnsembleSelection(
        ensemble_size=20,
        problem_type="multiclass",
        metric=balanced_accuracy,
        tie_breaker="second_metric",
        random_state=np.random.RandomState(0),
    )
    judge.use_best = True
    judge._fit([values.copy() for values in library], labels)
    ours = greedy(library, labels, n_steps=20)
    order = [step.member for step in ours.trajectory]
    assert order[: len(judge.indices_)] == [int(index) for index in judge.indices_]
    assert set(ours.members) == {int(index) for index in judge.indices_}

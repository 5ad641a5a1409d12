"""What the coordinator decides without keeping any state."""

from __future__ import annotations

import pytest

from search_spaces.backbones.backbones import BandSvm
from search_spaces.spec import TrialSpec
from study.config import StudyConfig
from study.search.coordinator import best_uar, planned_trials, rungs_of


@pytest.mark.parametrize(
    ("changes", "n"),
    [
        ({"budget": {"trials": 10}}, 12),
        ({"budget": {"hours": 1.0}}, None),
        ({"budget": {"trials": 10}, "seeds": {"top": 3, "n": 4}}, 21),
        ({"sampler": "grid"}, 8),
        ({"sampler": "grid", "budget": {"trials": 4}}, 6),
        ({"sampler": "grid", "budget": {"trials": 40}, "seeds": {"n": 3}}, 8),
    ],
)
def test_how_many_trials_there_will_be(changes, n):
    config = StudyConfig(**{"name": "x", "corpus": "c", **changes})
    assert planned_trials(config, n_enqueued=6, n_earlier=2) == n


def test_only_networks_that_the_sampler_or_a_baseline_chose_may_be_pruned():
    spec = TrialSpec()
    assert rungs_of(spec, "sampler") == rungs_of(spec, "baseline:plain") != {}
    assert rungs_of(spec, "seed:4") == rungs_of(spec, "grid:1") == {}
    assert rungs_of(TrialSpec(backbone=BandSvm()), "sampler") == {}


def test_the_best_uar_is_of_those_that_have_one():
    assert best_uar([{"uar": None}, {"uar": 0.6}, {"uar": 0.7}]) == 0.7
    assert best_uar([{"uar": None}]) == 0.0

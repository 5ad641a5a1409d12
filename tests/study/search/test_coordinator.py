"""What the coordinator decides without keeping any state."""

from __future__ import annotations

import pytest

from search_spaces.backbones.backbones import BandSvm
from search_spaces.spec import TrialSpec
from study.config import StudyConfig
from study.search.coordinator import best_uar, next_repeat, planned_trials, rungs_of


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


def result(number, uar, digest, state="complete"):
    return {"number": number, "uar": uar, "spec_digest": digest, "state": state}


def test_the_best_specs_get_their_second_seed_before_one_gets_its_third():
    finished = {
        0: result(0, 0.6, "a"), 1: result(1, 0.9, "b"), 2: result(2, 0.8, "c"),
        3: result(3, 0.95, "d", state="pruned"), 4: result(4, 0.7, "b"),
    }  # fmt: skip
    origins = dict.fromkeys(finished, "sampler")
    order = []
    for number in range(5, 20):
        chosen = next_repeat(finished, origins, top=2, n=3)
        if chosen is None:
            break
        order.append(chosen)
        origins[number] = f"seed:{chosen}"
        finished[number] = result(number, 0.99, finished[chosen]["spec_digest"])
    assert order == [1, 2, 1, 2]  # a repeated one's luck does not change who is best

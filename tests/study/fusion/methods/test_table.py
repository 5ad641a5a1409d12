from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from study.fusion.choice import compare_methods, estimate
from study.fusion.methods import references
from study.fusion.methods.bagged import bagged_greedy
from study.fusion.methods.decision import temper
from study.fusion.methods.decision_wrappers import with_decision
from study.fusion.methods.greedy import greedy
from study.fusion.methods.limits import limits_from_costs
from study.fusion.methods.rule import FusionRule, centred_logits, fuse_members
from study.fusion.methods.table import DEFAULT, METHODS, fusion_methods
from study.honest import CandidateEpochs
from study.metrics import uar_of_probabilities


def data(n_classes=3, n_candidates=6, n_clips=120, seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, n_classes, n_clips)
    odds = rng.normal(size=(n_candidates, n_clips, n_classes))
    odds[:, np.arange(n_clips), labels] += rng.uniform(0.3, 1.2, (n_candidates, 1))
    shares = np.exp(odds)
    probabilities = shares / shares.sum(-1, keepdims=True)
    return probabilities, labels, np.arange(n_clips) // 12


@pytest.mark.parametrize("name", list(METHODS))
@pytest.mark.parametrize("n_classes", [2, 3])
def test_every_method_gives_probabilities_of_other_clips(name, n_classes):
    method = METHODS[name]
    probabilities, labels, speakers = data(n_classes)
    fitted = method(probabilities, labels, speakers=speakers, families=[None] * 6)
    new, truth, _ = data(n_classes, seed=1)
    scores = fitted.scores(new)
    assert scores.shape == (120, n_classes)
    assert (scores >= 0).all()
    assert scores.sum(-1) == pytest.approx(np.ones(120))
    assert uar_of_probabilities(scores, truth) > 1.2 / n_classes
    assert set(fitted.members) <= set(range(6))
    again = method(probabilities, labels, speakers=speakers, families=[None] * 6)
    np.testing.assert_array_equal(again.scores(new), scores)


@pytest.mark.parametrize("name", list(METHODS))
def test_every_method_survives_one_class_one_candidate_and_one_speaker(name):
    probabilities = np.full((1, 3, 2), 0.5)
    zeros = np.zeros(3, dtype=np.intp)
    for labels in (zeros, zeros + 1):
        fitted = METHODS[name](probabilities, labels, speakers=zeros, families=[None])
        assert np.isfinite(fitted.scores(probabilities)).all()


@pytest.mark.parametrize("name", ["bagged_greedy", "cma_es", "stacking", "majority_vote"])
def test_members_are_limited(name):
    probabilities, labels, speakers = data(n_candidates=24)
    method = METHODS[name]
    fitted = method(probabilities, labels, speakers=speakers, families=[None] * 24, max_members=3)
    assert 1 <= len(fitted.members) <= 3


def test_cma_es_is_at_least_as_good_as_the_uniform_average_on_its_own_clips():
    probabilities, labels, speakers = data()
    found = METHODS["cma_es"](probabilities, labels, speakers=speakers, families=[None] * 6)
    uniform = references.uniform(probabilities, labels)
    assert found.uar >= uniform.uar
    assert uar_of_probabilities(found.scores(probabilities), labels) == pytest.approx(found.uar)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_stacking_predicts_what_scikit_learn_predicts(n_classes):
    probabilities, labels, speakers = data(n_classes)
    fitted = METHODS["stacking"](probabilities, labels, speakers=speakers, families=[None] * 6)
    features = centred_logits(probabilities[list(fitted.members)])
    model = LogisticRegression(C=0.1, class_weight="balanced", max_iter=1000)
    expected = model.fit(features, labels).predict_proba(features)
    np.testing.assert_allclose(fitted.scores(probabilities), expected, atol=1e-6)


def test_the_majority_wins_the_vote_and_the_mean_breaks_ties():
    first, second = [0.6, 0.4], [0.01, 0.99]
    votes = np.array([[first, first], [first, second], [second, second]])
    assert FusionRule.equal("vote", 3).scores(votes).argmax(-1).tolist() == [0, 1]
    assert FusionRule.equal("vote", 2).scores(votes[[0, 2]])[0].argmax() == 1


def test_members_stay_within_megabytes_and_milliseconds():
    probabilities, labels, speakers = data(2, n_candidates=24)
    sizes = np.linspace(10, 200, 24)
    limits = limits_from_costs(
        24, megabytes=sizes, milliseconds=np.ones(24), max_megabytes=150, max_milliseconds=3
    )
    for fitted in (
        greedy(probabilities, labels, limits=limits),
        bagged_greedy(probabilities, labels, limits=limits),
        METHODS[DEFAULT](
            probabilities, labels, speakers=speakers, families=[None] * 24, limits=limits
        ),
    ):
        assert sizes[list(fitted.members)].sum() <= 150
        assert len(fitted.members) <= 3


def test_limits_without_costs_or_without_any_candidate_are_refused():
    assert limits_from_costs(2) is None
    with pytest.raises(ValueError, match="max_megabytes=5 needs one finite cost per candidate"):
        limits_from_costs(2, max_megabytes=5)
    with pytest.raises(ValueError, match="needs one finite cost"):
        limits_from_costs(2, megabytes=[1, np.nan], max_megabytes=5)
    with pytest.raises(ValueError, match="no candidate fits alone within max_milliseconds=5"):
        limits_from_costs(2, milliseconds=[6, 7], max_milliseconds=5)


def test_the_table_has_every_method_beside_the_default():
    probabilities, labels, speakers = data(2)
    library = CandidateEpochs.from_probabilities(
        [values[None] for values in probabilities], labels, speakers
    )
    rows = compare_methods(library, n_folds=4)
    assert rows[0].method == DEFAULT
    assert {row.method for row in rows} == set(METHODS)
    assert rows[0].gain == 0
    for row in rows:
        assert row.gain == pytest.approx(row.uar - rows[0].uar)
    assert {len(row.members) for row in rows if row.method == "best_single"} == {1}
    for row in rows:
        assert row.low < row.uar < row.high
        assert 0.5 < row.apparent <= 1
    with pytest.raises(ValueError, match=r"must hold 'chosen', got \['magic'\]"):
        compare_methods(library, {"magic": METHODS[DEFAULT]})


@pytest.mark.parametrize("name", [name for name in METHODS if name != "top_k"])
def test_every_method_that_may_be_chosen_keeps_the_limits(name):
    probabilities, labels, speakers = data(2, n_candidates=24)
    sizes = np.linspace(200, 10, 24)  # the cheap ones last, which ties would take last
    limits = limits_from_costs(24, megabytes=sizes, max_megabytes=60)
    method = fusion_methods(limits=limits)[name]
    fitted = method(probabilities, labels, speakers=speakers, families=[None] * 24)
    assert sizes[list(fitted.members)].sum() <= 60


@pytest.mark.parametrize("name", [name for name in METHODS if name != "decided"])
def test_the_rule_of_a_fusion_gives_its_scores_also_after_json(name):
    method = with_decision(METHODS[name])
    probabilities, labels, speakers = data(3)
    probabilities[..., 0] *= 3  # so that a temperature gains
    probabilities /= probabilities.sum(-1, keepdims=True)
    fitted = method(probabilities, labels, speakers=speakers, families=[None] * 6)
    new, _, _ = data(3, seed=1)
    members = new[list(fitted.members)]
    rule = fitted.rule
    assert rule.decision is not None
    np.testing.assert_allclose(rule.scores(members), fitted.scores(new), atol=1e-12)
    plain = json.loads(json.dumps(rule.to_json()))
    again = FusionRule.from_json(plain, weights=rule.weights, n_classes=3)
    np.testing.assert_array_equal(again.scores(members), rule.scores(members))


def test_networks_of_one_candidate_are_averaged_before_the_rule():
    values, _, _ = data(2, n_candidates=3, n_clips=10)
    rule = FusionRule("average", (0.75, 0.25), temperatures=(2.0, 1.0))
    fused = fuse_members(values, [0.5, 0.25, 0.25], [0, 0, 1], rule)
    first = (2 * values[0] + values[1]) / 3
    expected = 0.75 * temper(first, 2.0) + 0.25 * values[2]
    np.testing.assert_allclose(fused, expected)
    plain = fuse_members(values, [0.5, 0.25, 0.25])
    np.testing.assert_allclose(plain, 0.5 * values[0] + 0.25 * values[1] + 0.25 * values[2])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"kind": "magic"}, "kind must be"),
        ({"temperatures": [1.0]}, "one per candidate"),
        ({"temperatures": [1.0, 1e9]}, "temperatures must be in"),
        ({"decision": {"temperature": 1, "bias": [0]}}, "bias must be one per class"),
        ({"absent": [2]}, r"absent must be some of 2 classes, got \(2,\)"),
        ({"absent": [-1]}, r"absent must be some of 2 classes, got \(-1,\)"),
        ({"absent": [1, 1]}, r"absent must be some of 2 classes, got \(1, 1\)"),
        ({"absent": [0, 1]}, r"absent must be some of 2 classes, got \(0, 1\)"),
        ({"decision": {"temperature": 0, "bias": [0, 0]}}, "temperature must be in"),
        ({"decision": {"temperature": 1, "bias": [0, float("nan")]}}, "bias must be finite"),
        ({"kind": "stacking"}, "coefficients must be 2 rows of 4"),
        (
            {"kind": "stacking", "coefficients": [[0.0] * 4, [1e999] * 4], "intercepts": [0, 0]},
            "must be finite",
        ),
        (
            {"kind": "stacking", "coefficients": [[1.7e308] * 4] * 2, "intercepts": [0, 0]},
            r"coefficients and intercepts must lie within 1,000,000, got 1.7e\+308",
        ),
        ({"decision": {"temperature": 1, "bias": [0, -1e300]}}, "bias must lie within 1,000,000"),
    ],
)
def test_a_rule_that_cannot_be_is_refused(change, said):
    plain = FusionRule("average", (0.5, 0.5)).to_json() | change
    with pytest.raises(ValueError, match=said):
        FusionRule.from_json(plain, weights=(0.5, 0.5), n_classes=2)


def test_the_choice_of_the_method_has_an_honest_value_too():
    probabilities, labels, speakers = data(2, n_candidates=4, n_clips=96)
    trials = [values[None].astype(np.float16) for values in probabilities]
    value = estimate(trials, labels, speakers, method="chosen", n_folds=3, n_resamples=0)
    assert value.method == "chosen"
    assert 0.5 < value.nested.uar <= 1

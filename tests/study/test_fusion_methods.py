from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from study import ensemble
from study.ensemble_limits import limits_of
from study.fusion_choice import MethodRow, choose, chosen, compare_methods
from study.fusion_methods import COMPARED, DEFAULT, METHODS, bagged_greedy
from study.fusion_stacking import Voted, _features
from study.honest import estimate
from study.honest_library import library_of
from study.metrics import uar_of_probabilities


def data(n_classes=3, n_candidates=6, n_clips=120, seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, n_classes, n_clips)
    odds = rng.normal(size=(n_candidates, n_clips, n_classes))
    odds[:, np.arange(n_clips), labels] += rng.uniform(0.3, 1.2, (n_candidates, 1))
    shares = np.exp(odds)
    probabilities = shares / shares.sum(-1, keepdims=True)
    return probabilities, labels, np.arange(n_clips) // 12


@pytest.mark.parametrize("name", [*METHODS, "chosen"])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_every_method_gives_probabilities_of_other_clips(name, n_classes):
    method = {**METHODS, "chosen": chosen}[name]
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
    uniform = ensemble.uniform_average(probabilities, labels)
    assert found.uar >= uniform.uar
    assert uar_of_probabilities(found.scores(probabilities), labels) == pytest.approx(found.uar)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_stacking_predicts_what_scikit_learn_predicts(n_classes):
    probabilities, labels, speakers = data(n_classes)
    fitted = METHODS["stacking"](probabilities, labels, speakers=speakers, families=[None] * 6)
    features = _features(probabilities[list(fitted.members)])
    model = LogisticRegression(C=0.1, class_weight="balanced", max_iter=1000)
    expected = model.fit(features, labels).predict_proba(features)
    np.testing.assert_allclose(fitted.scores(probabilities), expected, atol=1e-6)


def test_a_class_that_did_not_occur_is_never_predicted_by_stacking():
    probabilities, labels, speakers = data(3)
    labels = np.where(labels == 1, 0, labels)
    fitted = METHODS["stacking"](probabilities, labels, speakers=speakers, families=[None] * 6)
    assert (fitted.scores(probabilities)[:, 1] == 0).all()


def test_the_majority_wins_the_vote_and_the_mean_breaks_ties():
    first, second = [0.6, 0.4], [0.01, 0.99]
    votes = np.array([[first, first], [first, second], [second, second]])
    assert Voted((0, 1, 2)).scores(votes).argmax(-1).tolist() == [0, 1]
    assert Voted((0, 2)).scores(votes)[0].argmax() == 1


def test_members_stay_within_megabytes_and_milliseconds():
    probabilities, labels, speakers = data(2, n_candidates=24)
    sizes = np.linspace(10, 200, 24)
    limits = limits_of(
        24, megabytes=sizes, milliseconds=np.ones(24), max_megabytes=150, max_milliseconds=3
    )
    for fitted in (
        ensemble.greedy(probabilities, labels, limits=limits),
        ensemble.bagged_greedy(probabilities, labels, limits=limits),
        bagged_greedy(
            probabilities, labels, speakers=speakers, families=[None] * 24, limits=limits
        ),
    ):
        assert sizes[list(fitted.members)].sum() <= 150
        assert len(fitted.members) <= 3


def test_limits_without_costs_or_without_any_candidate_are_refused():
    assert limits_of(2) is None
    with pytest.raises(ValueError, match="max_megabytes=5 needs one finite cost per candidate"):
        limits_of(2, max_megabytes=5)
    with pytest.raises(ValueError, match="needs one finite cost"):
        limits_of(2, megabytes=[1, np.nan], max_megabytes=5)
    with pytest.raises(ValueError, match="no candidate fits alone within max_milliseconds=5"):
        limits_of(2, milliseconds=[6, 7], max_milliseconds=5)


@pytest.mark.parametrize(
    ("gain", "error", "expected"),
    [
        (0.02, 0.01, "cma_es"),
        (0.01, 0.01, "cma_es"),
        (0.009, 0.01, DEFAULT),
        (0.0, 0.0, DEFAULT),
        (0.02, None, DEFAULT),
    ],
)
def test_the_default_stays_unless_another_gains_one_standard_error(gain, error, expected):
    rows = [MethodRow(DEFAULT, 0.7, 0.0, 0.0), MethodRow("cma_es", 0.7 + gain, gain, error)]
    assert choose(rows) == expected


def test_references_are_never_chosen():
    rows = [MethodRow(DEFAULT, 0.7, 0.0, 0.0), MethodRow("uniform", 0.9, 0.2, 0.01)]
    assert choose(rows) == DEFAULT


def test_the_table_has_every_method_beside_the_default():
    probabilities, labels, speakers = data(2)
    library = library_of([values[None] for values in probabilities], labels, speakers)
    rows = compare_methods(library, n_folds=4)
    assert rows[0].method == DEFAULT
    assert {row.method for row in rows} == set(METHODS)
    assert rows[0].gain == 0
    for row in rows:
        assert row.gain == pytest.approx(row.uar - rows[0].uar)
    assert set(COMPARED) <= set(METHODS)
    with pytest.raises(ValueError, match="got 'magic'"):
        compare_methods(library, methods=["magic"])


def test_the_choice_of_the_method_has_an_honest_value_too():
    probabilities, labels, speakers = data(2, n_candidates=4, n_clips=96)
    trials = [values[None].astype(np.float16) for values in probabilities]
    value = estimate(trials, labels, speakers, method="chosen", n_folds=3, n_resamples=0)
    assert value.method == "chosen"
    assert 0.5 < value.nested.uar <= 1

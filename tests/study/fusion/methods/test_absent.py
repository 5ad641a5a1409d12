"""A class that devel lacks keeps its probability and its clips, whatever is fitted to others."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from study.fusion.methods.decision import fit_decision
from study.fusion.methods.decision_wrappers import with_decision
from study.fusion.methods.references import uniform
from study.fusion.methods.rule import FusionRule
from study.fusion.methods.table import METHODS
from study.metrics.uar import recall_per_class

LACKS = 2  # of four classes


def clips(seed: int, *, lacking: bool):
    """Six candidates that prefer class 0, which a bias can mend; labels; ten speakers."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 4, 240)
    if lacking:
        labels[labels == LACKS] = 3
    odds = rng.normal(size=(6, 240, 4))
    odds[:, np.arange(240), labels] += rng.uniform(1.5, 2.5, (6, 1))
    odds[..., 0] += 1.0
    shares = np.exp(odds)
    return shares / shares.sum(-1, keepdims=True), labels, np.arange(240) // 24


FITTED = {**METHODS, "stacking, decided": with_decision(METHODS["stacking"])}


@pytest.mark.parametrize("name", FITTED)
def test_what_is_fitted_leaves_a_class_that_devel_lacks_as_the_average_has_it(name):
    devel, labels, speakers = clips(0, lacking=True)
    new, truth, _ = clips(1, lacking=False)
    fitted = FITTED[name](devel, labels, speakers=speakers, families=[None] * 6)
    scores = fitted.scores(new)
    average = np.tensordot(fitted.weights, new[list(fitted.members)], 1)
    np.testing.assert_allclose(scores[:, LACKS], average[:, LACKS])
    np.testing.assert_allclose(scores.sum(1), 1)
    given, found = (one.argmax(1) for one in (average, scores))
    np.testing.assert_array_equal(found == LACKS, given == LACKS)
    recalls = recall_per_class(truth, found)
    assert recalls[LACKS] == recall_per_class(truth, given)[LACKS] > 0.6
    rule = FusionRule.from_json(
        json.loads(json.dumps(fitted.rule.to_json())), weights=fitted.weights, n_classes=4
    )
    np.testing.assert_array_equal(rule.scores(new[list(fitted.members)]), scores)


def test_the_others_still_gain_by_what_is_fitted():
    devel, labels, speakers = clips(0, lacking=True)
    new, truth, _ = clips(1, lacking=False)
    plain = uniform(devel, labels)
    decided = with_decision(uniform)(devel, labels, speakers=speakers)
    assert decided.rule.decision.bias[LACKS] == 0
    before, after = (recall_per_class(truth, one.scores(new).argmax(1)) for one in (plain, decided))
    others = [0, 1, 3]
    assert after[others].mean() > before[others].mean() + 0.02
    assert decided.rule.decision.gain == pytest.approx(0.06, abs=0.04)


def test_a_temperature_is_fitted_to_the_classes_that_occur():
    devel, labels, speakers = clips(0, lacking=True)
    sharp = devel[0] ** 3
    sharp[:, LACKS] = sharp[:, [0, 1, 3]].sum(1)  # wrong throughout, and nobody can tell
    sharp /= sharp.sum(1, keepdims=True)
    others = sharp[:, [0, 1, 3]] / sharp[:, [0, 1, 3]].sum(1, keepdims=True)
    ranks = np.searchsorted([0, 1, 3], labels)
    found, expected = fit_decision(sharp, labels, speakers), fit_decision(others, ranks, speakers)
    assert found.temperature == pytest.approx(expected.temperature, rel=0.01) != 1


def test_a_fusion_of_before_goes_on_never_predicting_such_a_class():
    devel, labels, speakers = clips(0, lacking=True)
    fitted = METHODS["stacking"](devel, labels, speakers=speakers, families=[None] * 6)
    assert fitted.rule.absent == (LACKS,)
    old = {key: value for key, value in fitted.rule.to_json().items() if key != "absent"}
    rule = FusionRule.from_json(old, weights=fitted.weights, n_classes=4)
    assert rule == replace(fitted.rule, absent=())
    assert (rule.scores(devel[list(fitted.members)])[:, LACKS] == 0).all()


def test_where_devel_lacks_a_class_the_fusion_is_taken_and_it_is_said():
    devel, labels, speakers = clips(0, lacking=True)
    devel[1:] = np.full(4, 0.25)  # the first alone is worth something
    found = METHODS["chosen"](devel, labels, speakers=speakers, families=[None] * 6)
    assert found.method == "bagged_greedy"
    assert found.reason.startswith("chosen: the fusion, since devel lacks a class")

from __future__ import annotations

import json
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from study.fusion.methods.class_bias import best_bias
from study.fusion.methods.decision import Decision, fit_decision, fit_temperature, temper
from study.honest import fold_splits
from study.metrics import uar_of_probabilities
from study.metrics.calibration import expected_calibration_error


def fit_bias(probabilities, labels):
    logs = np.log(np.clip(np.asarray(probabilities), 1e-7, None))
    return tuple(best_bias(logs, np.asarray(labels)))


def shifted(n_speakers=20, per_speaker=30, shift=1.2, n_classes=2, seed=0):
    """Informative probabilities with a constant bias towards the last class."""
    rng = np.random.default_rng(seed)
    speakers = np.repeat(np.arange(n_speakers), per_speaker)
    labels = rng.integers(0, n_classes, speakers.size)
    odds = rng.normal(size=(speakers.size, n_classes))
    odds[np.arange(labels.size), labels] += 1.5
    odds[:, -1] += shift
    shares = np.exp(odds)
    return shares / shares.sum(-1, keepdims=True), labels, speakers


@settings(max_examples=50)
@given(st.integers(1, 25), st.integers(0, 2**32 - 1))
def test_the_bias_of_two_classes_is_the_best_of_all_thresholds(n_clips, seed):
    rng = np.random.default_rng(seed)
    second = rng.integers(1, 8, n_clips) / 8
    probabilities = np.stack([1 - second, second], axis=-1)
    labels = rng.integers(0, 2, n_clips)
    bias = np.array(fit_bias(probabilities, labels))
    ours = uar_of_probabilities(np.log(probabilities) + bias, labels)
    shifts = np.linspace(-5, 5, 401)
    every = [
        uar_of_probabilities(np.log(probabilities) + np.array([0, shift]), labels)
        for shift in shifts
    ]
    assert ours >= max(every) - 1e-12
    if uar_of_probabilities(probabilities, labels) >= max(every) - 1e-12:
        assert bias[1] == 0


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1))
def test_the_bias_of_many_classes_never_lowers_the_uar_it_is_fitted_on(seed):
    probabilities, labels, _ = shifted(2, 15, n_classes=4, seed=seed)
    bias = np.array(fit_bias(probabilities, labels))
    assert bias[0] == 0
    after = uar_of_probabilities(np.log(probabilities) + bias, labels)
    assert after >= uar_of_probabilities(probabilities, labels) - 1e-12


def literal_bias(probabilities, labels, *, n_sweeps=2):
    """The same search with the rivals of a class looked for among all others, every time."""
    logs = np.log(np.clip(probabilities, 1e-7, None))
    weight = 1 / np.bincount(labels, minlength=logs.shape[1]).clip(min=1)[labels]
    bias = np.zeros(logs.shape[1])
    for code in list(range(1, bias.size)) * n_sweeps:
        odds = logs + bias
        others = np.delete(odds, code, axis=1)
        rival = others.argmax(axis=1)
        rival += rival >= code
        needed = others.max(axis=1) - odds[:, code]
        order = np.argsort(needed, kind="stable")
        change = np.where(labels == code, weight, np.where(rival == labels, -weight, 0.0))
        value = np.concatenate([[0.0], np.cumsum(change[order])])
        cuts = needed[order]
        ends = np.concatenate([[cuts[0] - 2], cuts, [cuts[-1] + 2]])
        value[np.diff(ends) <= 1e-9] = -np.inf
        if change[odds.argmax(axis=1) == code].sum() >= value.max() - 1e-12:
            continue
        middles = ((ends[:-1] + ends[1:]) / 2)[value >= value.max() - 1e-12]
        bias[code] += middles[np.abs(middles).argmin()]
    return tuple(bias)


@settings(max_examples=60)
@given(st.integers(1, 40), st.integers(2, 7), st.booleans(), st.integers(0, 2**32 - 1))
def test_the_bias_is_that_of_a_literal_search_also_with_ties(n_clips, n_classes, ties, seed):
    rng = np.random.default_rng(seed)
    probabilities = rng.dirichlet(np.ones(n_classes), n_clips)
    if ties:
        probabilities = np.round(probabilities * 5) / 5
    labels = rng.integers(0, n_classes, n_clips)
    assert fit_bias(probabilities, labels) == literal_bias(probabilities, labels)


def test_the_bias_of_many_classes_takes_time_in_proportion_to_them():
    def seconds(n_classes):
        rng = np.random.default_rng(0)
        probabilities = rng.dirichlet(np.ones(n_classes), 1000)
        labels = rng.integers(0, n_classes, 1000)
        start = time.process_time()
        fit_bias(probabilities, labels)
        return time.process_time() - start

    few = min(seconds(40) for _ in range(3))
    assert min(seconds(640) for _ in range(3)) < 45 * few  # 18; a search among all took 97


def test_a_bias_is_used_where_it_gains_on_other_speakers():
    probabilities, labels, speakers = shifted()
    decision = fit_decision(probabilities, labels, speakers)
    assert decision.bias[0] == 0
    assert -2 < decision.bias[1] * decision.temperature < -0.5
    assert decision.gain > decision.gain_se > 0
    new, truth, _ = shifted(seed=1)
    gained = uar_of_probabilities(decision.scores(new), truth) - uar_of_probabilities(new, truth)
    assert gained == pytest.approx(decision.gain, abs=0.05)


def test_noise_gets_no_bias():
    used = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        probabilities = rng.dirichlet([1, 1], 200)
        labels, speakers = rng.integers(0, 2, 200), np.repeat(np.arange(10), 20)
        used += any(fit_decision(probabilities, labels, speakers).bias)
    assert used <= 6


def test_a_decision_survives_json_and_says_what_it_gained():
    decision = fit_decision(*shifted())
    plain = json.loads(json.dumps(decision.to_json()))
    assert Decision.from_json(plain) == decision
    assert decision.changes
    text = plain["sentence"]
    assert text.startswith("A bias per class is added: it gains +")
    assert "on speakers it was not fitted on" in text
    assert text.endswith(" % after, on clips it was not fitted on.")
    assert f"expected calibration error {100 * decision.ece_before:.1f} % before" in text


def unequal(scale, seed=0):
    """Two classes, 90 to 10; the log-odds are right but for their scale."""
    rng = np.random.default_rng(seed)
    speakers = np.repeat(np.arange(20), 100)
    labels = (rng.random(speakers.size) < 0.1).astype(int)
    odds = scale * (1.4 * rng.normal(labels * 2 - 1, 1.2) + np.log(0.1 / 0.9))
    second = 1 / (1 + np.exp(-odds))
    return np.stack([1 - second, second], axis=-1), labels, speakers


def log_loss(probabilities, labels):
    return -np.log(probabilities[np.arange(labels.size), labels]).mean()


@pytest.mark.parametrize("scale", [0.4, 1.7])
def test_the_temperature_is_the_best_one_with_the_bias_that_is_applied(scale):
    probabilities, labels, speakers = unequal(scale)
    decision = fit_decision(probabilities, labels, speakers)
    bias = np.array(decision.bias) * decision.temperature
    assert bias[1] > 0.5

    def loss(temperature):
        applied = Decision(temperature, tuple(bias / temperature))
        return log_loss(applied.scores(probabilities), labels)

    ours = loss(decision.temperature)
    assert ours < loss(1) - 0.03
    assert ours < min(loss(decision.temperature * factor) for factor in (0.98, 1.02))


def test_a_bias_costs_log_loss_and_the_temperature_gives_some_of_it_back():
    probabilities, labels, speakers = unequal(1.7)  # figures of docs/honest-estimates.md
    decision = fit_decision(probabilities, labels, speakers)
    alone = Decision(1.0, tuple(np.array(decision.bias) * decision.temperature))
    losses = [probabilities, alone.scores(probabilities), decision.scores(probabilities)]
    assert [log_loss(one, labels) for one in losses] == pytest.approx([0.29, 0.48, 0.43], abs=5e-3)


def test_the_temperature_is_judged_with_the_bias_on_speakers_it_was_not_fitted_on():
    probabilities, labels, speakers = unequal(1.7)
    decision = fit_decision(probabilities, labels, speakers, n_folds=4)
    crossed = np.empty_like(probabilities)
    for inside, outside in fold_splits(labels, speakers, n_folds=4):
        bias = fit_bias(probabilities[inside], labels[inside])
        shifted_inside = Decision(1.0, bias).scores(probabilities[inside])
        temperature = fit_temperature(shifted_inside, labels[inside])
        crossed[outside] = temper(Decision(1.0, bias).scores(probabilities[outside]), temperature)
    assert decision.ece_after == pytest.approx(expected_calibration_error(crossed, labels))


def test_without_speakers_the_decision_speaks_of_clips():
    probabilities, labels, _ = shifted()
    decision = fit_decision(probabilities, labels, np.arange(labels.size))
    assert decision.held_out == "clips"
    assert "on clips it was not fitted on; temperature" in decision.sentence()
    assert "speakers" not in decision.sentence()
    assert Decision.from_json(decision.to_json()) == decision
    old = {key: value for key, value in decision.to_json().items() if key != "held_out"}
    assert Decision.from_json(old).held_out == "speakers"
    with pytest.raises(ValueError, match="held_out must be speakers or clips, got 'x'"):
        Decision.from_json(old | {"held_out": "x"})


def test_temperature_is_fitted_where_it_lowers_the_log_loss_of_other_speakers():
    probabilities, labels, speakers = shifted(shift=0.0)
    sharp = probabilities**4 / (probabilities**4).sum(-1, keepdims=True)
    decision = fit_decision(sharp, labels, speakers)
    assert decision.temperature == pytest.approx(4 / 1.5, rel=0.25)  # the odds are 1.5 too soft
    assert decision.ece_after < decision.ece_before
    assert decision.ece_before == expected_calibration_error(sharp, labels)
    assert fit_decision(sharp, labels, speakers, calibrate=False).temperature == 1
    rng = np.random.default_rng(0)
    used = [
        fit_decision(rng.dirichlet([1, 1], 60), rng.integers(0, 2, 60), np.repeat(range(6), 10))
        for _ in range(5)
    ]
    assert all(one.temperature > 1 for one in used)  # noise is worth less than it says


def test_calibration_error_after_is_that_of_a_literal_cross_fit():
    probabilities, labels, speakers = shifted(shift=0.0, n_speakers=6)
    sharp = probabilities**4 / (probabilities**4).sum(-1, keepdims=True)
    decision = fit_decision(sharp, labels, speakers, n_folds=3)
    crossed = np.empty_like(sharp)
    for inside, outside in fold_splits(labels, speakers, n_folds=3):
        temperature = fit_temperature(sharp[inside], labels[inside])
        crossed[outside] = temper(sharp[outside], temperature)
        if any(decision.bias):
            pytest.fail("this example was to have no bias")
    assert decision.ece_after == pytest.approx(expected_calibration_error(crossed, labels))


def test_one_speaker_changes_nothing():
    decision = fit_decision(*shifted(1))
    assert not decision.changes
    assert decision.ece_after is None
    assert "too few speakers to fit one honestly" in decision.sentence()


@pytest.mark.parametrize("n_speakers", [1, 3])
def test_too_few_speakers_get_no_bias(n_speakers):
    assert fit_decision(*shifted(n_speakers)).bias == (0, 0)


def test_temperature_undoes_sharpening():
    rng = np.random.default_rng(0)
    truth = rng.dirichlet([2, 2, 2], 4000)
    labels = (truth.cumsum(-1) > rng.random((4000, 1))).argmax(-1)
    sharpened = truth**2.5 / (truth**2.5).sum(-1, keepdims=True)
    assert fit_temperature(sharpened, labels) == pytest.approx(2.5, rel=0.1)
    np.testing.assert_allclose(temper(sharpened, 2.5), truth, atol=1e-9)
    softer = expected_calibration_error(temper(sharpened, 2.5), labels)
    assert softer < expected_calibration_error(sharpened, labels)


def test_the_identity_changes_nothing():
    probabilities, _, _ = shifted()
    np.testing.assert_allclose(Decision(1.0, (0.0, 0.0)).scores(probabilities), probabilities)


@settings(max_examples=40)
@given(st.integers(1, 60), st.integers(1, 20), st.integers(0, 2**32 - 1))
def test_calibration_error_is_that_of_a_literal_loop(n_clips, n_bins, seed):
    rng = np.random.default_rng(seed)
    probabilities, labels = rng.dirichlet([1, 1, 1], n_clips), rng.integers(0, 3, n_clips)
    confidence = probabilities.max(-1)
    right = probabilities.argmax(-1) == labels
    expected = 0.0
    for low, high in zip(
        np.arange(n_bins) / n_bins, np.arange(1, n_bins + 1) / n_bins, strict=True
    ):
        inside = (confidence > low) & (confidence <= high)
        if inside.any():
            expected += inside.mean() * abs(right[inside].mean() - confidence[inside].mean())
    ours = expected_calibration_error(probabilities, labels, n_bins=n_bins)
    assert ours == pytest.approx(expected)


def test_sure_and_right_is_calibrated_sure_and_wrong_is_not():
    assert expected_calibration_error(np.eye(2), [0, 1]) == 0
    assert expected_calibration_error(np.eye(2), [1, 0]) == 1


@pytest.mark.parametrize("labels", [[0], [1]])
def test_one_clip_can_be_fitted(labels):
    assert fit_bias([[0.3, 0.7]], labels)[0] == 0
    assert 0.04 < fit_temperature([[0.3, 0.7]], labels) < 21


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: temper([[0.5, 0.5]], 0), "temperature must be above 0, got temperature=0"),
        (lambda: temper([[np.nan, 0.5]], 1), "NaN"),
        (lambda: fit_temperature([[np.nan, 0.5]], [0]), "NaN"),
        (lambda: fit_temperature([[0.5, 0.5]], [2]), "class indices in"),
        (lambda: fit_decision([[0.5, 0.5]], [0], [0, 1]), "one per clip"),
        (lambda: expected_calibration_error([[0.5, 0.5]], [0], n_bins=0), "n_bins"),
        (lambda: expected_calibration_error([[np.nan, 0.5]], [0]), "NaN"),
        (lambda: expected_calibration_error(np.zeros((0, 2)), []), "at least one clip"),
    ],
)
def test_impossible_decisions_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()

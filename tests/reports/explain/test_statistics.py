"""Means, intervals, tests and the choice of clips, judged by direct counts and by SciPy."""

from __future__ import annotations

from collections import Counter
from itertools import product

import numpy as np
import pytest
from scipy import stats

from reports.explain import subject
from reports.explain.axes import FrequencyAxis
from reports.explain.judgement import (
    band_order,
    describe_bands,
    judge,
    name_bands,
    rank_correlation,
)
from reports.explain.statistics import correct, log_odds
from reports.explain.subject import Subject
from reports.explain.subset import stratified

NOTHING = {"equal": (0.0, 0.0), "energy": (0.0, 0.0)}
GOOD = {"map": 0.2, "energy": 0.4, "random": 0.5}


def effects(n_speakers=6, n_bands=5, seed=0, shift=0.0):
    """Six clips of two classes for each speaker, whose effects share a part."""
    rng = np.random.default_rng(seed)
    speakers = [f"s{i}" for i in range(n_speakers) for _ in range(6)]
    labels = np.tile([0, 1, 0, 1, 0, 0], n_speakers)
    own = np.repeat(rng.normal(size=(n_speakers, n_bands)), 6, axis=0)
    values = own + rng.normal(size=(len(labels), n_bands))
    values[:, 2] += shift
    return values, labels, speakers


def of(labels, speakers, n_classes=2, *, seed=0):
    """The clips of these labels and speakers."""
    return Subject(labels, None if speakers is None else tuple(speakers), n_classes, seed)


def test_means_are_those_of_the_classes_and_their_mean():
    values, labels, speakers = effects()
    found = of(labels, speakers).profile(values)
    for code in (0, 1):
        np.testing.assert_allclose(found.mean[code], values[labels == code].mean(0))
    np.testing.assert_allclose(found.mean[2], found.mean[:2].mean(0))
    assert (found.low < found.mean).all()
    assert (found.mean < found.high).all()


def test_a_class_without_a_clip_is_left_out_of_the_mean():
    values, labels, speakers = effects()
    found = of(labels, speakers, 3).profile(values)
    assert np.isnan(found.mean[2]).all()
    np.testing.assert_allclose(found.mean[3], found.mean[:2].mean(0))
    assert found.to_json()["mean"][2] == [None] * 5


def test_intervals_cover_the_truth_when_speakers_are_drawn_again():
    covered = []
    for seed in range(200):
        values, labels, speakers = effects(n_speakers=12, seed=seed)
        found = of(labels, speakers, seed=seed).profile(values)
        covered.append((found.low[-1] <= 0) & (found.high[-1] >= 0))
    assert 0.91 <= np.mean(covered) <= 0.985  # nominal 0.95, 1000 intervals in groups of 5


@pytest.mark.parametrize(("speakers", "words"), [(["a"] * 8 + ["b"] * 4, "2 speakers"), (None, "")])
def test_few_speakers_give_no_interval_and_unknown_ones_too_narrow_ones(speakers, words):
    values, labels = np.random.default_rng(0).normal(size=(12, 3)), np.tile([0, 1], 6)
    subject = of(labels, speakers)
    assert (subject.profile(values).low is None) == (speakers is not None)
    assert words in subject.note
    assert subject.sign_flips([values]) is None


def test_a_class_that_one_speaker_has_alone_gives_no_interval_instead_of_one_without_width():
    speakers = [f"s{i % 6}" for i in range(36)]
    labels = np.array([int(name == "s0") for name in speakers])
    subject = of(labels, speakers)
    assert subject.note.startswith("no interval: 1 of 2 classes has one speaker alone")
    values = np.random.default_rng(0).normal(size=(36, 3))
    assert subject.profile(values).low is None
    assert subject.sign_flips([values]) is None


def test_all_profiles_of_a_subject_share_their_draws(monkeypatch):
    made, draw = [], subject.draw_speakers
    monkeypatch.setattr(subject, "draw_speakers", lambda *args: made.append(1) or draw(*args))
    values, labels, speakers = effects()
    clips = of(labels, speakers)
    assert clips.profile(values).low.tolist() == clips.profile(values).low.tolist()
    assert len(made) == 1


def test_p_values_are_those_of_all_patterns_of_signs():
    values, labels, speakers = effects(shift=1.0)
    (found,) = of(labels, speakers).sign_flips([values])
    by_speaker = values.reshape(6, 6, 5)
    mask = (labels.reshape(6, 6) == 0)[..., None]
    parts = (by_speaker * mask).sum(1) / (labels == 0).sum() / 2
    parts += (by_speaker * ~mask).sum(1) / (labels == 1).sum() / 2
    largest = [(np.array(signs) @ parts).max() for signs in product([1, -1], repeat=6)]
    expected = [np.mean(np.array(largest) >= total - 1e-12) for total in parts.sum(0)]
    np.testing.assert_allclose(found, expected)


@pytest.mark.parametrize("n_speakers", [6, 14])
def test_naming_any_band_where_there_is_none_has_the_probability_of_the_level(n_speakers):
    wrong = []
    for seed in range(300):
        values, labels, speakers = effects(n_speakers, seed=seed)
        wrong.append(of(labels, speakers).sign_flips([values]).min() <= 0.05)
    assert np.mean(wrong) <= 0.085  # 0.05 and two and a half standard errors of 300 trials


@pytest.mark.parametrize("n_speakers", [5, 6, 14])
def test_two_measures_together_keep_the_level_and_each_its_power(n_speakers):
    wrong, found = [], []
    for seed in range(300):
        values, labels, speakers = effects(n_speakers, seed=seed)
        lost = np.sign(values + effects(n_speakers, seed=seed + 1000)[0]).round()  # of 1 clip each
        clips = of(labels, speakers)
        wrong.append(clips.sign_flips([lost, 50 * values]).min() <= 0.05)
        lost[:, 3] = 1  # one band costs every clip, and its log-odds say nothing
        found.append(clips.sign_flips([lost, 50 * values])[0, 3])
    assert np.mean(wrong) <= 0.085
    assert np.mean(np.array(found) <= 0.05) > (0.7 if n_speakers > 5 else 0.5)


def test_effects_of_a_kind_that_never_occur_change_no_p_value():
    values, labels, speakers = effects(shift=1.0)
    clips = of(labels, speakers)
    alone = clips.sign_flips([values])
    together = clips.sign_flips([np.zeros_like(values), values])
    np.testing.assert_array_equal(together[1], alone[0])
    assert together[0].min() == 1.0


def test_log_odds_are_of_the_true_class_within_limits():
    p = np.array([[[0.2, 0.8], [1.0, 0.0]], [[0.5, 0.5], [0.9, 0.1]]])
    found = log_odds(p, np.array([1, 1]))
    np.testing.assert_allclose(
        found, [[np.log(4), np.log(1e-4 / (1 - 1e-4))], [0, np.log(1 / 9)]]
    )  # fmt: skip


def test_correct_are_the_clips_whose_true_class_is_the_most_probable():
    p = np.array([[[0.2, 0.5, 0.3], [0.4, 0.35, 0.25]], [[0.3, 0.3, 0.4], [0.1, 0.8, 0.1]]])
    assert correct(p, np.array([1, 1])).tolist() == [[1.0, 0.0], [0.0, 1.0]]


def test_bands_that_cost_as_many_clips_are_ordered_by_log_odds_and_equal_ones_stay_equal():
    uar = np.array([0.0, 0.4, 0.0, 0.0, -0.1])
    order = band_order(uar, np.array([0.3, 0.0, 0.1, 0.1, 9.0]))
    assert order.tolist() == [2.0, 3.0, 1.0, 1.0, 0.0]
    assert np.isnan(band_order(np.full(2, np.nan), np.full(2, np.nan))).all()


def test_rank_correlation_is_scipys_also_with_ties_and_without_what_is_missing():
    rng = np.random.default_rng(0)
    for _ in range(20):
        a, b = rng.integers(0, 6, 15), rng.normal(size=15)
        assert rank_correlation(a, b) == pytest.approx(stats.spearmanr(a, b).statistic)
    assert rank_correlation([1, 1, 1], [1, 2, 3]) is None
    assert rank_correlation([1, 2, 3, np.nan], [1, 2, 3, 9]) == 1


@pytest.mark.parametrize(
    ("agreement", "beside", "areas", "above", "words"),
    [
        (0.9, {"equal": (0.2, 0.3), "energy": (0.1, 0.3)}, GOOD, True, ""),
        (0.3, {"equal": (0.2, 0.3), "energy": (0.1, 0.3)}, GOOD, True, "rank correlation 0.30"),
        (None, {"equal": (0.2, 0.3), "energy": (None, 0.3)}, GOOD, True, "rank correlation none"),
        (
            0.8,
            {"equal": (0.85, 0.45), "energy": (0.1, 0.3)},
            GOOD,
            True,
            "equal everywhere agrees as well (0.85",
        ),
        (
            0.8,
            {"equal": (0.2, 0.3), "energy": (0.8, 0.45)},
            GOOD,
            True,
            "energy alone agrees as well (0.80",
        ),
        (
            0.9,
            {"equal": (0.2, 0.3), "energy": (0.1, 0.3)},
            GOOD | {"map": 0.6},
            True,
            "no more than at random",
        ),
        (
            0.9,
            {"equal": (0.2, 0.3), "energy": (0.1, 0.3)},
            GOOD | {"map": 0.45},
            True,
            "no more than by energy",
        ),
        (0.9, {"equal": (0.2, 0.3), "energy": (0.1, 0.3)}, GOOD, False, "not above chance"),
    ],
)
def test_a_map_is_trusted_only_if_it_beats_what_knows_nothing(
    agreement, beside, areas, above, words
):
    found = judge(
        agreement, common=0.4, ceiling=0.8, beside=beside, areas=areas, above_chance=above
    )
    assert found.trusted == (not words)
    assert words in found.sentence
    assert found.sentence.startswith("The map agrees" if found.trusted else "Do not trust this map")


def test_a_map_of_the_one_band_that_matters_is_trusted_whatever_the_order_of_the_others():
    beside = {"equal": (0.8, 0.3), "energy": (0.3, 0.2)}
    found = judge(0.2, common=0.7, ceiling=0.5, beside=beside, areas=GOOD, above_chance=True)
    assert found.trusted
    assert "share in common 0.70" in found.sentence


def test_the_judgement_says_where_occlusion_itself_is_unsure():
    found = judge(0.3, common=0.2, ceiling=0.1, beside=NOTHING, areas=GOOD, above_chance=True)
    assert "occlusion itself has only 0.10" in found.sentence


def test_bands_are_named_by_their_p_values_and_told_in_words():
    uar = np.array([0.9, 0.6, 0.7])
    removed = {"uar": 0.9 - uar, "log_odds": np.array([0.1, 2.0, 1.5])}
    noise = {"uar": np.zeros(3), "log_odds": np.array([0.0, 0.1, 1.4])}
    axis = FrequencyAxis("linear", (0, 100, 200, 300))
    p_values = {"uar": np.full(3, 0.3), "log_odds": np.array([0.9, 0.02, 0.04])}
    named = name_bands(removed, noise, p_values, above_chance=True)
    assert [(one.band, one.by) for one in named] == [(1, "log_odds"), (2, "log_odds")]
    taken = [("mask", 0.6)] * 3
    told = describe_bands(named, axis, uar, intact=0.9, taken=taken, n_speakers=6)
    assert "Without 100 to 200 Hz the log-odds of the true class fall by 2.00" in told
    assert "UAR 90.0 to 60.0 %" in told
    assert "level is what counts" in told
    assert "p = 0.020" in told
    untested = name_bands(removed, noise, None, above_chance=True)
    assert [(one.band, one.by) for one in untested] == [(1, "uar"), (2, "uar"), (0, "log_odds")]
    told = describe_bands(untested, axis, uar, intact=0.9, taken=taken, n_speakers=1)
    assert "here it has 1" in told
    assert name_bands(removed, noise, None, above_chance=False) == []


@pytest.mark.parametrize(
    ("noise_uar", "words"),
    [(0.02, "its level is what counts"), (0.3, "in its place costs 30.0 points. Beyond")],
)
def test_a_band_without_which_all_clips_go_to_one_class_is_named_by_its_uar(noise_uar, words):
    # The log-odds fall by 2 in one class and rise by 2 in the other: their mean says nothing.
    removed = {"uar": np.array([0.0, 0.4]), "log_odds": np.array([0.1, 0.0])}
    noise = {"uar": np.array([0.0, noise_uar]), "log_odds": np.array([0.0, 0.0])}
    p_values = {"uar": np.array([0.9, 0.008]), "log_odds": np.array([0.2, 0.484])}
    named = name_bands(removed, noise, p_values, above_chance=True)
    axis = FrequencyAxis("linear", (0, 100, 200))
    uar, taken = np.array([0.9, 0.5]), [("clear", 0.5), ("mask", 0.98)]
    told = describe_bands(named, axis, uar, intact=0.9, taken=taken, n_speakers=7)
    assert "Without 100 to 200 Hz the UAR falls from 90.0 to 50.0 %, as 98 % of the clips" in told
    assert "are taken for mask; noise" in told
    assert words in told
    assert "p = 0.008" in told


def test_clips_are_drawn_from_every_class_and_speaker_in_turn():
    labels = np.repeat([0, 1], [300, 60])
    speakers = [f"s{i % 5}" for i in range(360)]
    chosen = stratified(labels, speakers, n=40, seed=0)
    assert len(set(chosen.tolist())) == 40
    counts = Counter((labels[i], speakers[i]) for i in chosen)
    assert set(counts.values()) == {4}
    assert stratified(labels, speakers, n=40, seed=0).tolist() == chosen.tolist()
    assert stratified(labels, speakers, n=40, seed=1).tolist() != chosen.tolist()
    odd = Counter(labels[stratified(labels, speakers, n=15, seed=0)].tolist())
    assert abs(odd[0] - odd[1]) <= 1
    assert stratified(labels, None, n=1000, seed=0).tolist() == list(range(360))

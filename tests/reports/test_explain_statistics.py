"""Means, intervals, tests and the choice of clips, judged by direct counts and by SciPy."""

from __future__ import annotations

from collections import Counter
from itertools import product

import numpy as np
import pytest
from scipy import stats

from reports.explain.axes import FrequencyAxis
from reports.explain.judgement import judge, name_bands, rank_correlation, tell_bands
from reports.explain.statistics import class_means, evidence, profile, sign_flips, units
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


def test_means_are_those_of_the_classes_and_their_mean():
    values, labels, speakers = effects()
    found = profile(values, labels, units(speakers, len(labels)), 2)
    for code in (0, 1):
        np.testing.assert_allclose(found.mean[code], values[labels == code].mean(0))
    np.testing.assert_allclose(found.mean[2], found.mean[:2].mean(0))
    np.testing.assert_allclose(class_means(values, labels, 2), found.mean)
    assert (found.low < found.mean).all()
    assert (found.mean < found.high).all()


def test_a_class_without_a_clip_is_left_out_of_the_mean():
    values, labels, speakers = effects()
    found = profile(values, labels, units(speakers, len(labels)), 3)
    assert np.isnan(found.mean[2]).all()
    np.testing.assert_allclose(found.mean[3], found.mean[:2].mean(0))
    assert found.to_json()["mean"][2] == [None] * 5


def test_intervals_cover_the_truth_when_speakers_are_drawn_again():
    hits = []
    for seed in range(200):
        values, labels, speakers = effects(n_speakers=12, seed=seed)
        found = profile(values, labels, units(speakers, len(labels)), 2, seed=seed)
        hits.append((found.low[-1] <= 0) & (found.high[-1] >= 0))
    assert 0.91 <= np.mean(hits) <= 0.985  # nominal 0.95, 1000 intervals in groups of 5


@pytest.mark.parametrize(("speakers", "words"), [(["a"] * 8 + ["b"] * 4, "2 speakers"), (None, "")])
def test_few_speakers_give_no_interval_and_unknown_ones_too_narrow_ones(speakers, words):
    values, labels = np.random.default_rng(0).normal(size=(12, 3)), np.tile([0, 1], 6)
    who = units(speakers, 12)
    found = profile(values, labels, who, 2)
    assert (found.low is None) == (speakers is not None)
    assert words in who.note
    assert (sign_flips(values, labels, who, 2) is None) == (speakers is not None)


def test_p_values_are_those_of_all_patterns_of_signs():
    values, labels, speakers = effects(shift=1.0)
    found = sign_flips(values, labels, units(speakers, len(labels)), 2)
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
        wrong.append(sign_flips(values, labels, units(speakers, len(labels)), 2).min() <= 0.05)
    assert np.mean(wrong) <= 0.085  # 0.05 and two and a half standard errors of 300 trials


def test_evidence_is_the_log_odds_of_the_true_class_within_limits():
    p = np.array([[[0.2, 0.8], [1.0, 0.0]], [[0.5, 0.5], [0.9, 0.1]]])
    found = evidence(p, np.array([1, 1]))
    np.testing.assert_allclose(
        found, [[np.log(4), np.log(1e-4 / (1 - 1e-4))], [0, np.log(1 / 9)]]
    )  # fmt: skip


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
    removed, noise = np.array([0.1, 2.0, 1.5]), np.array([0.0, 0.1, 1.4])
    axis = FrequencyAxis("linear", (0, 100, 200, 300))
    uar = np.array([0.9, 0.6, 0.7])
    named = name_bands(removed, noise, np.array([0.9, 0.02, 0.04]), above_chance=True)
    assert [one.band for one in named] == [1, 2]
    told = tell_bands(named, axis, uar, intact=0.9, n_speakers=6)
    assert "Without 100 to 200 Hz the log-odds of the true class fall by 2.00" in told
    assert "UAR 90.0 to 60.0 %" in told
    assert "level is what counts" in told
    assert "p = 0.020" in told
    untested = name_bands(removed, noise, None, above_chance=True)
    assert [one.band for one in untested] == [1, 2, 0]
    assert "here it has 1" in tell_bands(untested, axis, uar, intact=0.9, n_speakers=1)
    assert name_bands(removed, noise, None, above_chance=False) == []


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

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy import stats

from study.metrics import compare
from study.metrics.permutation_tests import compare_all_pairs, compare_best_of, holm


def hits_of(skill, n_speakers=8, per_speaker=30, seed=0):
    rng = np.random.default_rng(seed)
    speakers = np.repeat(np.arange(n_speakers), per_speaker)
    labels = np.tile([0, 1], speakers.size // 2)
    return labels, rng.random((len(skill), speakers.size)) < np.array(skill)[:, None], speakers


def test_the_exact_test_is_scipys_sign_permutation():
    labels, (a, b), speakers = hits_of([0.7, 0.62])
    ours = compare(labels, a, b, speakers)
    parts = [(a[speakers == s].mean() - b[speakers == s].mean()) for s in range(8)]
    theirs = stats.permutation_test(
        (np.array(parts),),
        lambda x, axis: x.sum(axis=axis),
        permutation_type="samples",
        n_resamples=np.inf,
    )
    assert ours.exact
    assert ours.p_value == pytest.approx(theirs.pvalue)
    assert ours.difference == pytest.approx(np.mean(parts))


def test_random_exchanges_come_near_the_exact_p_value():
    labels, (a, b), speakers = hits_of([0.7, 0.62])
    exact = compare(labels, a, b, speakers).p_value
    drawn = compare(labels, a, b, speakers, n_permutations=255)
    assert not drawn.exact
    assert drawn.p_value == pytest.approx(exact, abs=0.08)
    assert drawn == compare(labels, a, b, speakers, n_permutations=255)


def test_equal_systems_are_not_different():
    labels, (a, _), speakers = hits_of([0.7, 0.7])
    found = compare(labels, a, a, speakers)
    assert (found.difference, found.p_value) == (0, 1)
    assert "equals" in found.sentence()


def test_under_the_null_hypothesis_five_per_cent_are_below_five_per_cent():
    values = []
    for seed in range(300):
        labels, (a, b), speakers = hits_of([0.7, 0.7], seed=seed)
        values.append(compare(labels, a, b, speakers).p_value)
    assert np.mean(np.array(values) <= 0.05) == pytest.approx(0.05, abs=0.03)


@pytest.mark.parametrize("n_speakers", [1, 4])
def test_fewer_than_five_speakers_have_a_reason_instead_of_a_p_value(n_speakers):
    labels, (a, b), speakers = hits_of([0.9, 0.6], n_speakers=n_speakers)
    for found in (compare(labels, a, b, speakers), compare_best_of(labels, [a], b, speakers)):
        assert found.p_value is None
        assert "no p-value" in found.sentence()
        assert "leaving one speaker" in found.sentence()


def test_without_speakers_the_p_value_says_that_it_is_too_small():
    labels, (a, b), _ = hits_of([0.9, 0.6])
    found = compare(labels, a, b, names=("The fusion", "the best single trial"))
    assert found.n_speakers is None
    assert found.p_value < 0.001
    assert "clips treated as independent" in found.sentence()


def test_the_best_of_one_trial_is_the_one_sided_test():
    labels, (a, b), speakers = hits_of([0.66, 0.6], seed=3)
    two_sided = compare(labels, a, b, speakers)
    one_sided = compare_best_of(labels, [a], b, speakers)
    assert two_sided.difference > 0
    assert one_sided.p_value == pytest.approx(two_sided.p_value / 2)


def test_the_best_of_many_equal_trials_is_corrected_for_their_number():
    rejected = {"naive": 0, "corrected": 0}
    for seed in range(60):
        labels, hits, speakers = hits_of([0.65] * 21, seed=seed)
        best = hits[1:].mean(axis=1).argmax() + 1
        naive = compare(labels, hits[best], hits[0], speakers)
        corrected = compare_best_of(labels, hits[1:], hits[0], speakers)
        assert corrected.n_trials == 20
        assert corrected.difference == pytest.approx(naive.difference)
        rejected["naive"] += naive.p_value / 2 <= 0.05
        rejected["corrected"] += corrected.p_value <= 0.05
    assert rejected["naive"] >= 10
    assert rejected["corrected"] <= 6


def test_trials_that_are_clearly_worse_do_not_hide_a_good_one():
    labels, (good, reference), speakers = hits_of([0.8, 0.55], n_speakers=6)
    awful = np.tile(labels != labels, (40, 1))  # epochs before anything was learned
    alone = compare_best_of(labels, [good], reference, speakers)
    among = compare_best_of(labels, [good, *awful], reference, speakers)
    assert alone.p_value == among.p_value == 1 / 2**6
    assert among.n_trials == 41
    only = compare_best_of(labels, awful, reference, speakers)
    assert only.p_value > 0.9


def test_the_smallest_p_value_there_can_be_is_told_as_such():
    labels, (a, b), speakers = hits_of([0.95, 0.5], n_speakers=5)
    found = compare(labels, a, b, speakers)
    assert found.p_value == 2 / 2**5
    assert found.sentence().endswith(
        "chance may explain it (p = 0.062, exchanging the 5 speakers; 5 speakers cannot give a "
        "smaller one)."
    )


def test_blocks_of_exchanges_and_rows_give_what_one_block_gives(monkeypatch):
    labels, hits, speakers = hits_of([0.65] * 9, n_speakers=14)
    reference = hits[0].astype(float) / 2 + 0.25  # shares of recognitions count too
    for n_permutations in (2**14, 1000):
        options = {"n_permutations": n_permutations, "n_trials": 4}
        at_once = compare_best_of(labels, hits[1:], reference, speakers, **options)
        monkeypatch.setattr("study.metrics.sign_flips.BLOCK", 1000)
        assert compare_best_of(labels, hits[1:], reference, speakers, **options) == at_once
        monkeypatch.undo()
        assert at_once.exact == (n_permutations == 2**14)
        assert at_once.n_trials == 4
    parts = np.stack(
        [
            [((row - reference)[speakers == s] / 420).sum() for s in range(14)]
            for row in hits[1:].astype(float)
        ]
    )
    signs = 1 - 2 * ((np.arange(2**14)[:, None] >> np.arange(14)) & 1)
    errors = np.sqrt(14 * parts.var(axis=1, ddof=1))
    rivals = parts[parts.sum(axis=1) > -3 * errors]
    highest = (signs @ rivals.T).max(axis=1)
    expected = np.mean(highest >= parts.sum(axis=1).max() - 1e-12)
    found = compare_best_of(labels, hits[1:], reference, speakers, n_permutations=2**14)
    assert found.p_value == pytest.approx(expected)


def test_a_comparison_survives_json_with_its_sentence():
    labels, (a, b), speakers = hits_of([0.7, 0.6])
    found = compare(labels, a, b, speakers)
    record = found.to_json()
    assert json.loads(json.dumps(record)) == record
    assert record["sentence"] == found.sentence()


def test_the_sentence_names_who_wins_by_how_much_and_whether_chance_may():
    labels, (a, b), speakers = hits_of([0.95, 0.5])
    found = compare(labels, a, b, speakers, names=("The fusion", "the uniform average"))
    text = found.sentence()
    assert text.startswith("The fusion (")
    assert "beats the uniform average" in text
    assert (
        "points; chance hardly explains it (p = 0.008, exchanging the 8 speakers; 8 speakers"
        in text
    )
    text = compare_best_of(labels, [a, b], b, speakers).sentence()
    assert "corrected for 2 trials" in text


def alike(n_systems, n_speakers, seed):
    """Systems of one skill, each with its own luck with every speaker."""
    rng = np.random.default_rng(seed)
    skill = np.clip(0.75 + 0.08 * rng.standard_normal((n_systems, n_speakers)), 0, 1)
    speakers = np.repeat(np.arange(n_speakers), 20)
    return (
        np.arange(speakers.size) % 2,
        rng.random((n_systems, speakers.size)) < skill[:, speakers],
        speakers,
    )


@pytest.mark.parametrize("n_systems", [4, 16])
def test_the_best_of_equal_systems_seldom_differs_from_any_of_them(n_systems):
    """Holm's correction, which knows only the pairs with the best, errs more often."""
    wrong = {"all pairs": 0, "Holm": 0}
    for seed in range(300):
        labels, hits, speakers = alike(n_systems, 20, seed)
        best = hits.mean(axis=1).argmax()
        found = compare_all_pairs(labels, hits, speakers, n_permutations=500)[best]
        wrong["all pairs"] += found.min() <= 0.05
        pairs = [
            compare(labels, row, hits[best], speakers, n_permutations=500).p_value
            for row in np.delete(hits, best, axis=0)
        ]
        wrong["Holm"] += min(holm(pairs)) <= 0.05
    assert wrong["all pairs"] <= 0.08 * 300  # 5 % and two standard errors
    assert wrong["Holm"] > wrong["all pairs"]


def test_one_of_two_systems_is_tested_as_a_single_pair():
    labels, hits, speakers = hits_of([0.7, 0.62])
    found = compare_all_pairs(labels, hits, speakers)
    assert found[0, 1] == found[1, 0] == compare(labels, *hits, speakers).p_value
    assert found[0, 0] == found[1, 1] == 1
    clipwise = compare_all_pairs(labels, hits)
    assert clipwise[0, 1] == pytest.approx(compare(labels, *hits).p_value, abs=0.02)


def test_a_bad_system_does_not_hide_what_others_differ_by():
    labels, hits, speakers = hits_of([0.9, 0.72, 0.73], n_speakers=12)
    alone = compare_all_pairs(labels, hits, speakers)
    among = compare_all_pairs(labels, [*hits, labels != labels], speakers)
    assert alone[0, 1] < 0.02
    assert among[0, 1] < 2 * alone[0, 1] + 0.01
    assert among[0, 3] < 0.002
    same = compare_all_pairs(labels, [hits[0], hits[0], hits[1]], speakers)
    assert same[0, 1] == 1


def test_all_pairs_of_few_speakers_or_nothing():
    labels, hits, speakers = hits_of([0.9, 0.6], n_speakers=4)
    assert compare_all_pairs(labels, hits, speakers) is None
    with pytest.raises(ValueError, match="at least one system and clip"):
        compare_all_pairs([0], np.zeros((0, 1)), [0])


def test_holm_is_the_step_down_correction():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx((0.03, 0.06, 0.06))
    assert holm([0.9, 0.8]) == (1, 1)
    assert holm([]) == ()


def test_impossible_comparisons_are_refused():
    with pytest.raises(ValueError, match="at least one clip"):
        compare([], [], [], [])
    with pytest.raises(ValueError, match="one value per clip"):
        compare([0, 1], [1, 1], [1], [0, 0])
    with pytest.raises(ValueError, match="at least one trial and clip"):
        compare_best_of([0], np.zeros((0, 1)), [1], [0])
    with pytest.raises(ValueError, match="finite"):
        compare([0, 1], [np.nan, 1], [1, 1], [0, 1])

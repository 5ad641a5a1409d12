from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from study.fusion.choice import estimate
from study.fusion.methods.table import METHODS
from study.honest import CandidateEpochs, fold_splits, held_out_hits
from study.honest.estimate import nested_interval, search_note
from study.honest.held_out import bootstrap_splits
from study.metrics import uar_of_probabilities
from study.metrics.intervals import interval_of_correct


def study_of(n_speakers=8, per_speaker=12, n_trials=6, signal=0.0, seed=0):
    rng = np.random.default_rng(seed)
    speakers = np.repeat(np.arange(n_speakers), per_speaker)
    labels = rng.integers(0, 2, speakers.size)
    trials = []
    for number in range(n_trials):
        odds = rng.normal(size=(3 + number % 3, speakers.size)) + signal * (2 * labels - 1)
        second = 1 / (1 + np.exp(-odds))
        trials.append(np.stack([1 - second, second], axis=-1).astype(np.float16))
    return trials, labels, speakers


@settings(max_examples=40)
@given(st.integers(2, 12), st.integers(2, 12), st.integers(0, 9))
def test_folds_keep_speakers_together_and_judge_every_clip_once(n_speakers, n_folds, seed):
    _, labels, speakers = study_of(n_speakers, n_trials=1)
    splits = fold_splits(labels, speakers, n_folds=n_folds, seed=seed)
    assert len(splits) == min(n_folds, n_speakers)
    assert sorted(np.concatenate([s.outside for s in splits])) == list(range(labels.size))
    for split in splits:
        assert not set(speakers[split.inside]) & set(speakers[split.outside])
        assert split.inside.size + split.outside.size == labels.size


def test_folds_spread_the_classes_when_a_speaker_has_only_one():
    speakers = np.repeat(np.arange(8), 3)
    labels = np.where(speakers % 2, 0, 1)
    for split in fold_splits(labels, speakers, n_folds=4):
        assert set(labels[split.inside]) == {0, 1}
        assert set(labels[split.outside]) == {0, 1}


def test_one_speaker_makes_no_folds():
    with pytest.raises(ValueError, match="at least 2 groups, got 1"):
        fold_splits(np.array([0, 1]), np.array([0, 0]), n_folds=5)


def test_bootstrap_samples_judge_speakers_that_were_not_drawn():
    _, labels, speakers = study_of(n_trials=1)
    splits = list(bootstrap_splits(labels, speakers, n_resamples=20))
    assert len(splits) >= 19
    for split in splits:
        assert not set(speakers[split.inside]) & set(speakers[split.outside])
        assert split.inside.size == labels.size
        counts = np.bincount(split.inside, minlength=labels.size)
        for speaker in range(8):
            assert len(set(counts[speakers == speaker])) == 1


def test_the_best_epoch_is_chosen_on_the_given_clips_alone_and_the_first_of_equals():
    labels = np.array([0, 1, 0, 1])
    right = np.eye(2)[labels]
    first = right.copy()
    first[2:] = 1 - right[2:]
    trial = np.stack([first, 1 - first, right])
    library = CandidateEpochs.from_probabilities([trial], labels)
    assert library.best_epochs(np.array([0, 1])).tolist() == [0]
    assert library.best_epochs(np.array([2, 3])).tolist() == [1]
    assert library.best_epochs(np.arange(4)).tolist() == [2]


@settings(max_examples=25)
@given(st.integers(0, 10_000))
def test_best_epochs_are_those_of_the_metric_also_with_repeated_clips(seed):
    trials, labels, speakers = study_of(seed=seed)
    library = CandidateEpochs.from_probabilities(trials, labels, speakers)
    clips = np.random.default_rng(seed).integers(0, labels.size, 40)
    expected = [
        int(np.argmax(uar_of_probabilities(trial[:, clips], labels[clips]).round(12)))
        for trial in trials
    ]
    assert library.best_epochs(clips).tolist() == expected


def test_repeated_seeds_are_averaged_each_at_its_own_best_epoch():
    trials, labels, speakers = study_of(n_trials=3)
    library = CandidateEpochs.from_probabilities(
        trials, labels, speakers, spec_digests=["a", "b", "a"]
    )
    clips = np.arange(labels.size)
    epochs = library.best_epochs(clips)
    values = library.predictions_at(epochs, clips)
    assert values.shape == (2, labels.size, 2)
    mean = (trials[0][epochs[0]].astype(float) + trials[2][epochs[2]]) / 2
    np.testing.assert_allclose(values[0], mean)


def test_held_out_hits_are_those_of_a_literal_loop():
    trials, labels, speakers = study_of(signal=0.3)
    library = CandidateEpochs.from_probabilities(trials, labels, speakers)
    splits = fold_splits(labels, speakers, n_folds=4)
    hits = held_out_hits(library, {"single": METHODS["best_single"]}, splits)["single"]
    for inside, outside in splits:
        scored = [
            (uar_of_probabilities(trial[:, inside], labels[inside]).max(), -number)
            for number, trial in enumerate(trials)
        ]
        ties = [-n for value, n in scored if value >= max(scored)[0] - 1e-12]
        if len(ties) > 1:
            continue
        best = trials[ties[0]]
        epoch = uar_of_probabilities(best[:, inside], labels[inside]).argmax()
        expected = best[epoch][outside].argmax(-1) == labels[outside]
        np.testing.assert_array_equal(hits[outside], expected)


def test_noise_is_worth_half_however_well_it_was_selected():
    values = [
        estimate(*study_of(n_speakers=10, n_trials=12, seed=seed), n_resamples=4)
        for seed in range(12)
    ]
    apparent = np.mean([value.apparent for value in values])
    assert apparent > 0.6
    assert np.mean([value.nested.uar for value in values]) == pytest.approx(0.5, abs=0.03)
    assert np.mean([value.out_of_bag for value in values]) == pytest.approx(0.5, abs=0.03)
    assert np.mean([value.single.uar for value in values]) == pytest.approx(0.5, abs=0.03)


def test_the_sentence_tells_both_values_the_reference_and_the_gain():
    value = estimate(*study_of(signal=0.5), n_resamples=3)
    text = value.sentence()
    assert f"Apparent devel UAR {100 * value.apparent:.1f} %" in text
    assert f"UAR {100 * value.nested.uar:.1f} % (95 % interval" in text
    assert "out of bag" in text
    assert "Best single trial, chosen the same way" in text
    assert f"{abs(100 * value.gain):.1f} points (standard error" in text
    assert value.optimism == value.apparent - value.nested.uar
    assert value.gain == pytest.approx(value.nested.uar - value.single.uar)


def test_the_fusion_is_compared_with_the_nested_best_single_and_uniform_average():
    trials, labels, speakers = study_of(signal=0.5)
    value = estimate(trials, labels, speakers, n_resamples=0)
    single, uniform = value.comparisons
    assert single.uars == pytest.approx((value.nested.uar, value.single.uar))
    assert single.difference == pytest.approx(value.gain)
    library = CandidateEpochs.from_probabilities(trials, labels, speakers)
    folds = fold_splits(labels, speakers, n_folds=10)
    hits = held_out_hits(library, {"uniform": METHODS["uniform"]}, folds)["uniform"]
    recalls = [hits[labels == code].mean() for code in (0, 1)]
    assert uniform.uars[1] == pytest.approx(np.mean(recalls))
    assert uniform.p_value is not None
    assert uniform.n_speakers == 8


def test_the_value_survives_json_with_its_sentence():
    value = estimate(*study_of(signal=0.5), n_resamples=2)
    record = value.to_json()
    assert json.loads(json.dumps(record)) == record
    assert record["nested"]["low"] == value.nested.low
    assert record["sentence"] == value.sentence()


def test_the_honest_interval_is_wider_than_that_of_a_fixed_predictor():
    trials, labels, speakers = study_of(n_speakers=12)
    hits = np.random.default_rng(0).random(labels.size) < 0.4 + 0.04 * speakers
    library = CandidateEpochs.from_probabilities(trials, labels, speakers)
    told, fixed = nested_interval(library, hits), interval_of_correct(labels, hits, speakers)
    ratio = (told.high - told.low) / (fixed.high - fixed.low)
    assert ratio == pytest.approx(np.sqrt(1 + 6 / 12), abs=0.1)


def test_equal_seeds_give_equal_values():
    first, second = (estimate(*study_of(signal=0.3), seed=4) for _ in range(2))
    assert first == second


def test_without_speakers_the_value_says_that_it_flatters():
    trials, labels, _ = study_of()
    value = estimate(trials, labels, n_resamples=2)
    assert value.nested.n_speakers is None
    assert "clips treated as independent" in value.sentence()


def test_one_speaker_has_a_value_and_a_reason_instead_of_an_interval():
    trials, labels, speakers = study_of()
    value = estimate(trials, labels, np.zeros_like(speakers), n_resamples=0)
    assert value.nested.low is None
    assert value.gain_se is None
    assert value.out_of_bag is None
    assert "one speaker" in value.sentence()
    assert "leaving one speaker" in value.sentence()


def test_two_speakers_judge_each_other_without_an_interval():
    value = estimate(*study_of(n_speakers=2), n_resamples=2)
    assert value.n_folds == 2
    assert value.nested.low is None


@pytest.mark.parametrize(
    ("candidates", "labels", "options", "message"),
    [
        ([], [0], {}, "at least one trial"),
        ([np.zeros((0, 2, 2))], [0, 1], {}, r"axes \(epochs, clips, classes\)"),
        ([np.full((1, 2, 2), 0.5), np.full((1, 3, 2), 0.5)], [0, 1], {}, "at 1"),
        ([np.full((1, 2, 2), np.nan)], [0, 1], {}, "must be finite"),
        ([np.full((1, 2, 2), 0.5)], [0, 2], {}, "class indices in"),
        ([np.full((1, 2, 2), 0.5)], [0, 1], {"speakers": [0]}, "one per clip"),
        ([np.full((1, 2, 2), 0.5)], [0, 1], {"families": []}, "one per trial"),
        ([np.full((1, 2, 2), 0.5)], [0, 1], {"method": "magic"}, "method must be one of"),
    ],
)
def test_what_cannot_be_estimated_is_refused(candidates, labels, options, message):
    with pytest.raises(ValueError, match=message):
        estimate(candidates, labels, **options)


@pytest.mark.parametrize(
    ("n_speakers", "said"),
    [
        (None, "speakers are not known, so the honest value flatters by an unknown amount"),
        (4, "with so few speakers the honest value still flatters by an unknown amount"),
        (5, "5 devel speakers, 30 trials and an adaptive search this left the honest value 1.1"),
        (19, "15 devel speakers"),
        (400, "40 devel speakers"),
    ],
)
def test_the_note_tells_the_nearest_simulated_number_of_speakers(n_speakers, said):
    assert said in search_note(n_speakers)


def test_unknown_speakers_are_not_called_few():
    assert "few speakers" not in search_note(None)
    assert "every devel speaker" not in search_note(None)

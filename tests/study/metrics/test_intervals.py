from __future__ import annotations

import time

import numpy as np
import pytest
from scipy import stats

from study.metrics import count_by_speaker, interval, unweighted_average_recall
from study.metrics.intervals import ALIKE_NOTE, CLIPS_NOTE, Interval, interval_of_correct
from study.metrics.speaker_bootstrap import draw_speakers, strata_of_speakers
from study.metrics.speaker_counts import paired_difference, too_few_speakers, uar_of_counts


def clips(n_speakers=12, per_speaker=20, n_classes=3, seed=0):
    rng = np.random.default_rng(seed)
    speakers = np.repeat(np.arange(n_speakers), per_speaker)
    labels = rng.integers(0, n_classes, speakers.size)
    skill = rng.uniform(0.4, 0.9, n_speakers)[speakers]
    guesses = rng.integers(0, n_classes, speakers.size)
    return labels, np.where(rng.random(speakers.size) < skill, labels, guesses), speakers


@pytest.mark.parametrize("method", ["percentile"])
def test_speaker_intervals_are_those_of_scipy(method):
    labels, predictions, speakers = clips()
    counts = count_by_speaker(labels, labels == predictions, speakers)

    def statistic(rows, axis):  # the speakers are the last axis but one of the counts
        return uar_of_counts(counts.correct[rows].sum(axis=-2), counts.totals[rows].sum(axis=-2))

    rows = np.arange(12)
    theirs = stats.bootstrap(
        (rows,), statistic, n_resamples=20_000, method=method, rng=np.random.default_rng(1)
    ).confidence_interval
    ours = interval(labels, predictions, speakers, method=method, n_resamples=20_000)
    assert (ours.low, ours.high) == pytest.approx(tuple(theirs), abs=0.004)
    assert ours.uar == pytest.approx(unweighted_average_recall(labels, predictions))


@pytest.mark.parametrize("method", ["percentile"])
def test_clip_intervals_are_those_of_scipy_with_a_sample_per_class(method):
    labels, predictions, _ = clips(n_speakers=10, n_classes=2)
    hits = (labels == predictions).astype(float)

    def statistic(first, second, axis):
        return (first.mean(axis=axis) + second.mean(axis=axis)) / 2

    theirs = stats.bootstrap(
        (hits[labels == 0], hits[labels == 1]),
        statistic,
        n_resamples=20_000,
        method=method,
        rng=np.random.default_rng(1),
    ).confidence_interval
    ours = interval(labels, predictions, method=method, n_resamples=20_000)
    assert (ours.low, ours.high) == pytest.approx(tuple(theirs), abs=0.006)
    assert ours.note == CLIPS_NOTE == "clips treated as independent; too narrow"
    assert ours.n_speakers is None


def test_expanded_intervals_are_wider_for_few_speakers_and_no_others_for_many():
    def ratio(n_speakers):
        data = clips(n_speakers=n_speakers)
        found = {m: interval(*data, method=m) for m in ("percentile", "expanded")}
        widths = {name: value.high - value.low for name, value in found.items()}
        return widths["expanded"] / widths["percentile"]

    assert ratio(5) > 1.3
    assert ratio(200) == pytest.approx(1, abs=0.02)


def test_speaker_intervals_are_wider_than_clip_intervals_when_speakers_differ():
    data = clips(n_speakers=20, per_speaker=100)
    by_speaker, by_clip = interval(*data), interval(*data[:2])
    assert by_speaker.high - by_speaker.low > 1.5 * (by_clip.high - by_clip.low)


@pytest.mark.parametrize("n_speakers", [1, 4])
def test_fewer_than_five_speakers_have_a_reason_instead_of_an_interval(n_speakers):
    found = interval(*clips(n_speakers=n_speakers))
    assert (found.low, found.high) == (None, None)
    assert f"{n_speakers} speaker" in found.note
    assert "leaving one speaker" in found.sentence()
    assert too_few_speakers(4).startswith("no interval: 4 speakers")


def test_no_class_vanishes_when_every_speaker_has_one_class():
    speakers = np.repeat(np.arange(12), 4)
    labels = np.where(speakers < 6, 0, 1)
    counts = count_by_speaker(labels, np.ones(48), speakers)
    assert [list(group) for group in strata_of_speakers(counts.totals)] in (
        [[0, 1, 2, 3, 4, 5], [6, 7, 8, 9, 10, 11]],
        [[6, 7, 8, 9, 10, 11], [0, 1, 2, 3, 4, 5]],
    )
    found = interval_of_correct(labels, np.ones(48), speakers)
    assert (found.low, found.high) == (pytest.approx(0.025 ** (1 / 6)), 1)


@pytest.mark.parametrize("method", ["percentile", "expanded"])
def test_a_class_that_only_two_speakers_have_is_never_lost(method):
    labels, predictions, speakers = clips(n_speakers=8, n_classes=2)
    labels[speakers < 2] = 2
    found = interval(labels, predictions, speakers, method=method, n_resamples=300)
    assert np.isfinite([found.low, found.high]).all()
    assert found.low <= found.high


@pytest.mark.parametrize("n_classes", [8, 14])
def test_where_a_class_is_one_speaker_there_is_a_reason_and_no_interval(n_classes):
    """Samples with every class are n! of n^n: none of 5,000 for 14 classes, and all alike."""
    speakers = np.repeat(np.arange(n_classes), 10)
    predictions = np.where(np.arange(speakers.size) % 10 < 7, speakers, 0)
    found = interval(speakers, predictions, speakers)
    assert (found.low, found.high) == (None, None)
    assert found.note.endswith(
        f"{n_classes} of {n_classes} classes have one speaker alone, and each needs at least 2"
    )
    labels, guesses, who = clips(n_speakers=20)
    labels[who == 0] = 3
    assert "1 of 4 classes has one speaker alone" in interval(labels, guesses, who).sentence()


def test_samples_that_seldom_have_every_class_give_a_reason_and_no_interval():
    speakers = np.repeat(np.arange(80), 5)
    labels = speakers % 40
    start = time.perf_counter()
    found = interval(labels, np.where(speakers % 3, labels, 0), speakers)
    assert (found.low, found.note[:43]) == (None, "no interval: resampled speakers seldom have")
    assert time.perf_counter() - start < 2
    rng = np.random.default_rng(0)
    totals = count_by_speaker(labels % 5, np.ones(400), speakers).totals
    drawn = draw_speakers(strata_of_speakers(totals), totals, 500, rng)
    assert ((drawn @ totals) > 0).all()
    assert (drawn.sum(axis=1) == 80).all()


def test_shares_of_recognitions_have_the_interval_of_their_mean_over_clips():
    rng = np.random.default_rng(0)
    labels = np.arange(600) % 2
    hits = rng.binomial(3, 0.7, labels.size) / 3
    found = interval_of_correct(labels, hits, method="percentile", n_resamples=20_000)
    error = np.sqrt(sum(hits[labels == code].var() / 300 for code in (0, 1))) / 2
    assert found.high - found.low == pytest.approx(2 * 1.96 * error, rel=0.03)
    whole = (hits > 0.5).astype(int)
    assert interval_of_correct(labels, whole) == interval(labels, np.where(whole, labels, -1))


@pytest.mark.parametrize("method", ["percentile", "expanded"])
@pytest.mark.parametrize("speakers", [np.arange(6), None])
def test_degenerate_predictions_have_the_bounds_of_as_many_clips_as_there_are_speakers(
    method, speakers
):
    labels = np.array([0, 1, 0, 1, 0, 1])
    least = 0.025 ** (1 / 3)  # three units of each class are recognised
    for predictions, uar, bounds in ((labels, 1, (least, 1)), (1 - labels, 0, (0, 1 - least))):
        found = interval(labels, predictions, speakers, method=method, n_resamples=50)
        assert found.uar == uar
        assert (found.low, found.high) == pytest.approx(bounds)


def exact(k, n, level=0.95):
    """Bounds of k of n by the test that they invert, not by quantiles."""
    return tuple(stats.binomtest(k, n).proportion_ci(level, method="exact"))


def test_equal_resamples_have_the_exact_bounds_of_each_class_with_a_speaker_as_one_clip():
    labels, speakers = np.repeat([0, 1], 12), np.arange(24) % 6
    sure = interval(labels, labels, speakers)
    assert (sure.low, sure.high) == pytest.approx(exact(6, 6))
    assert sure.sentence() == (
        "UAR 100.0 % (95 % interval 54.1 to 100.0 %, 6 speakers, 24 clips; exact bounds, as "
        "resampled speakers hardly differ)"
    )
    guessing = interval(labels, np.zeros(24, int), speakers)
    bounds = np.mean([exact(6, 6), exact(0, 6)], axis=0)
    assert (guessing.low, guessing.uar, guessing.high) == pytest.approx((bounds[0], 0.5, bounds[1]))
    by_clip = interval(labels, np.zeros(24, int))
    bounds = np.mean([exact(12, 12), exact(0, 12)], axis=0)
    assert (by_clip.low, by_clip.high) == pytest.approx(tuple(bounds))
    assert interval(labels, labels, speakers, level=0.8).low == pytest.approx(exact(6, 6, 0.8)[0])


def test_where_each_speaker_has_the_same_share_every_clip_counts():
    labels, speakers = np.arange(480) % 2, np.arange(480) // 48
    found = interval_of_correct(labels, np.arange(480) // 2 % 2, speakers)
    assert (found.low, found.high) == pytest.approx(exact(120, 240))
    half = interval_of_correct(labels, np.full(480, 0.5), speakers)
    assert (half.low, half.high) == pytest.approx(exact(120, 240))
    one_class_each = np.where(speakers % 2, 1, 0)  # five always say 1: they are alike in UAR alone
    found = interval(labels, one_class_each, speakers)
    assert (found.low, found.high) == pytest.approx(exact(5, 10))


@pytest.mark.parametrize(("n_with_errors", "is_exact"), [(1, True), (2, True), (3, False)])
def test_errors_of_one_or_two_speakers_do_not_tell_how_speakers_differ(n_with_errors, is_exact):
    labels, speakers = np.arange(400) % 2, np.arange(400) // 40
    wrong = (speakers < n_with_errors) & (np.arange(400) % 40 < 2)
    found = interval(labels, np.where(wrong, 1 - labels, labels), speakers)
    assert (ALIKE_NOTE in found.note) is is_exact
    assert (found.low < 0.8) is is_exact
    assert found.low < found.uar <= found.high


def test_a_factor_on_the_standard_error_widens_exact_bounds_too():
    labels, speakers = np.repeat([0, 1], 12), np.arange(24) % 6
    found = interval_of_correct(labels, np.ones(24), speakers, widen=2.0)
    assert found.low == pytest.approx(stats.norm.cdf(-2 * 1.959964) ** (1 / 6))


@pytest.mark.parametrize("recall", [0.99, 0.5, 0.01])
def test_nearly_always_right_or_wrong_is_covered(recall):
    """Speakers differ: some are often misunderstood. All resamples are equal in many of these."""
    rng, covered = np.random.default_rng(0), 0
    labels, speakers = np.arange(60) % 2, np.arange(60) // 6
    for _ in range(100):
        of_speaker = rng.beta(3 * recall, 3 * (1 - recall), 10)[speakers]
        found = interval_of_correct(labels, rng.random(60) < of_speaker, speakers, n_resamples=200)
        covered += found.low <= recall <= found.high
    assert covered >= 90


def test_one_clip_has_a_value():
    assert interval(["a"], ["a"]).uar == 1
    assert interval(["a"], ["a"]).sentence().startswith("UAR 100.0 % (95 % interval 2.5 to 100.0")
    assert interval(["a"], ["a"], ["s"]).low is None


def test_equal_seeds_give_equal_intervals():
    assert interval(*clips(), seed=3) == interval(*clips(), seed=3)


def test_the_sentence_has_per_cent_with_one_decimal():
    found = Interval(0.7123, 0.66, 0.759, 0.95, "expanded", 400, 20)
    assert found.sentence() == ("UAR 71.2 % (95 % interval 66.0 to 75.9 %, 20 speakers, 400 clips)")
    many = Interval(0.7123, 0.66, 0.759, 0.95, "expanded", 36554, 20)
    assert many.sentence().endswith("20 speakers, 36,554 clips)")
    unknown = Interval(0.7123, 0.66, 0.759, 0.95, "expanded", 36554, None)
    assert unknown.sentence().endswith("36,554 clips)")


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (([], []), {}, "at least one clip"),
        (([0, 1], [0, 1], [0]), {}, "one value per clip"),
        (([0], [0]), {"level": 1}, r"level must lie in \(0, 1\), got level=1"),
        (([0], [0]), {"method": "normal"}, "method must be"),
        (([0], [0]), {"n_resamples": 0}, "n_resamples must be at least 1"),
    ],
)
def test_impossible_intervals_are_refused(arguments, options, message):
    with pytest.raises(ValueError, match=message):
        interval(*arguments, **options)


def test_nan_hits_are_refused():
    with pytest.raises(ValueError, match="correct must be finite"):
        count_by_speaker([0, 1], [np.nan, 1], [0, 0])


def test_thousands_of_resamples_of_the_reference_corpus_take_seconds():
    data = clips(n_speakers=10, per_speaker=1500, n_classes=2)
    start = time.perf_counter()
    for method in ("percentile", "expanded"):
        interval(*data, method=method, n_resamples=10_000)
        interval(*data[:2], method=method, n_resamples=10_000)
    assert time.perf_counter() - start < 5


def test_the_paired_difference_has_the_standard_error_of_the_bootstrap():
    labels, a, speakers = clips(n_speakers=25, n_classes=2)
    b = np.where(np.random.default_rng(5).random(a.size) < 0.3, 1 - labels, a)
    counts = [count_by_speaker(labels, labels == guess, speakers) for guess in (a, b)]
    difference, error = paired_difference(*counts)
    assert difference == pytest.approx(
        unweighted_average_recall(labels, a) - unweighted_average_recall(labels, b)
    )
    rng = np.random.default_rng(0)
    weights = rng.multinomial(25, [1 / 25] * 25, 4000)
    totals = weights @ counts[0].totals
    samples = [uar_of_counts(weights @ c.correct, totals) for c in counts]
    assert error == pytest.approx(np.std(samples[0] - samples[1]), rel=0.15)

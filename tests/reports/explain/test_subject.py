"""What is resampled where speakers do not have every class, or are not known."""

from __future__ import annotations

import numpy as np
import pytest

from reports.explain.subject import Subject
from study.metrics.intervals import SELDOM_COMPLETE


def of_classes(n_speakers: list[int], *, known=True) -> tuple[np.ndarray, Subject]:
    """An effect (clips, 1) that is its class, of so many speakers a class, two clips each."""
    labels = np.repeat(np.arange(len(n_speakers)), 2 * np.array(n_speakers))
    speakers = tuple(f"s{place // 2:03d}" for place in range(len(labels))) if known else None
    effect = labels[:, None] + 0.01 * np.random.default_rng(0).normal(size=(len(labels), 1))
    return effect, Subject(labels, speakers, len(n_speakers), 0)


def test_every_resample_has_every_class_so_that_intervals_are_of_one_mean():
    effect, subject = of_classes([4, 2])  # so few that they are drawn among each other
    found = subject.profile(effect)
    assert found.mean[-1] == pytest.approx(0.5, abs=0.01)
    assert found.low[-1] > 0.45
    assert found.high[-1] < 0.55
    assert subject.note == ""


def test_clips_of_unknown_speakers_are_drawn_within_their_class():
    effect, subject = of_classes([1] * 60, known=False)
    found = subject.profile(effect)
    np.testing.assert_allclose(found.high[-1] - found.low[-1], 0, atol=0.02)


def test_a_band_that_all_resamples_agree_on_has_no_interval_without_width():
    effect, subject = of_classes([6, 6])
    found = subject.profile(np.concatenate([effect, np.zeros_like(effect)], axis=1))
    assert np.isfinite([found.low[:, 0], found.high[:, 0]]).all()
    assert np.isnan([found.low[:, 1], found.high[:, 1]]).all()
    assert found.mean[:, 1].tolist() == [0, 0, 0]


def test_where_resamples_seldom_have_every_class_there_is_no_interval_and_it_is_said():
    effect, subject = of_classes([2] * 60)
    assert subject.profile(effect).low is None
    assert subject.note == subject.describe(len(effect))["interval"] == SELDOM_COMPLETE


def test_five_speakers_without_an_error_are_above_chance_and_guessing_is_not():
    labels = np.tile([0, 1], 25)
    subject = Subject(labels, tuple(f"s{n // 10}" for n in range(50)), 2, 0)
    sure = subject.interval(np.eye(2)[labels])
    assert sure.low < 0.5
    assert subject.above_chance(sure)
    assert not subject.above_chance(subject.interval(np.eye(2)[np.zeros(50, int)]))

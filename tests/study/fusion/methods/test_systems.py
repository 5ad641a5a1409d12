"""Fusion, average or one trial: judged by the speakers that a bag leaves out."""

from __future__ import annotations

import re

import numpy as np
import pytest

from study.fusion.methods.bagged import Bag, draw_bags
from study.fusion.methods.limits import limits_from_costs
from study.fusion.methods.systems import Worth, choose, chosen, judge, sentence
from study.honest.held_out import Split

N_SPEAKERS, PER_SPEAKER = 12, 10


def library(strengths, *, seed=0, n_classes=2):
    """Probabilities of candidates that know the class so well, independently of each other."""
    rng = np.random.default_rng(seed)
    labels = np.arange(N_SPEAKERS * PER_SPEAKER) % n_classes
    odds = rng.normal(size=(len(strengths), labels.size, n_classes))
    odds[:, np.arange(labels.size), labels] += np.array(strengths)[:, None]
    shares = np.exp(odds)
    return shares / shares.sum(-1, keepdims=True), labels, np.arange(labels.size) // PER_SPEAKER


def test_one_strong_trial_among_guessing_ones_is_taken_or_carries_the_fusion():
    values, labels, speakers = library([3.0, *[0.0] * 9])
    found = chosen(values, labels, speakers=speakers)
    assert found.members[0] == 0
    assert found.weights[0] > 0.5
    assert found.method != "uniform"


def test_equal_independent_trials_are_not_given_up_for_one_of_them():
    values, labels, speakers = library([0.5] * 12)
    found = chosen(values, labels, speakers=speakers)
    assert found.method in ("bagged_greedy", "uniform")
    assert len(found.members) >= 8
    assert found.reason.startswith("chosen: the ")


@pytest.mark.parametrize(
    ("average", "single", "expected"),
    [
        (Worth(0.7, 0.0, 0.01), Worth(0.7, 0.0, 0.01), "fusion"),
        (Worth(0.701, 0.001, 0.02), Worth(0.6, -0.1, 0.01), "fusion"),
        (Worth(0.73, 0.03, 0.02), Worth(0.6, -0.1, 0.01), "uniform"),
        (Worth(0.699, -0.001, 0.02), Worth(0.71, 0.01, 0.01), "fusion"),  # just one error
        (Worth(0.699, -0.001, 0.02), Worth(0.72, 0.02, 0.01), "single"),
        (Worth(0.73, 0.03, 0.02), Worth(0.72, 0.02, 0.01), "uniform"),
        (Worth(0.6, -0.1, None), Worth(0.9, 0.2, None), "fusion"),  # fewer than 5 speakers
    ],
)
def test_the_choice_follows_its_rule_and_says_the_figures(average, single, expected):
    worth = {"fusion": Worth(0.7, 0.0, 0.0), "uniform": average, "single": single}
    assert choose(worth) == expected
    said = sentence(worth, expected)
    for one in worth.values():
        assert f"{100 * one.uar:.1f} %" in said
    better = max(average.uar, single.uar) > worth[expected].uar
    assert ("must gain" in said) == better


def test_judges_are_the_clips_outside_of_a_bag_alone():
    labels = np.array([0, 1, 0, 1])
    good, bad = np.eye(2)[labels], np.eye(2)[1 - labels]
    values = np.stack([np.concatenate([good[:2], bad[2:]]), np.concatenate([bad[:2], good[2:]])])
    speakers = np.array([0, 0, 1, 1])
    first = Split(np.array([0, 1]), np.array([2, 3]))
    # the bag likes candidate 0, which is right inside and wrong outside
    bags = [Bag(first, np.array([0.9, 0.1]), np.array([1.0, 0.0]))]
    worth = judge(values, labels, speakers, bags)
    assert {name: one.uar for name, one in worth.items()} == {
        "fusion": 0.0,
        "single": 0.0,
        "uniform": 0.5,
    }
    assert worth["uniform"].gain == 0.5
    everyone = [Bag(Split(np.arange(4), np.arange(0)), np.array([1.0, 0.0]), np.ones(2))]
    assert judge(values, labels, speakers, everyone) == {}
    assert choose({}) == "fusion"


@pytest.mark.parametrize("speakers", [None, np.zeros(120, np.intp)])
def test_without_speakers_clips_judge(speakers):
    values, labels, _ = library([3.0, *[0.0] * 9])
    found = chosen(values, labels, speakers=speakers)
    assert found.members[0] == 0
    assert " % on clips left out of the selection" in found.reason


def test_one_candidate_needs_no_reason():
    values, labels, speakers = library([1.0])
    found = chosen(values, labels, speakers=speakers)
    assert (found.members, found.reason) == ((0,), "")


def test_a_bound_on_members_and_limits_hold_for_every_system():
    values, labels, speakers = library([0.5] * 12)
    limits = limits_from_costs(12, megabytes=np.ones(12), max_megabytes=5)
    assert len(chosen(values, labels, speakers=speakers, limits=limits).members) <= 5
    assert len(chosen(values, labels, speakers=speakers, max_members=3).members) <= 3


@pytest.mark.parametrize("limited", ["megabytes", "max_members"])
def test_systems_are_judged_with_as_many_members_as_they_may_have(limited):
    # Ten equal and independent trials: nearly 90 % together, 70 % each. One may be taken.
    values, labels, speakers = library([0.6] * 10)
    one = {"max_members": 1}
    if limited == "megabytes":
        one = {"limits": limits_from_costs(10, megabytes=[1] * 10, max_megabytes=1)}
    bags = draw_bags(values, labels, groups=speakers, families=None)
    worth = judge(values, labels, speakers, bags, **one)
    each = (values.argmax(-1) == labels).mean(axis=1)
    assert worth["fusion"].uar <= each.max()
    # the one that is best in a bag, judged by the speakers outside of it
    assert worth["uniform"].uar == pytest.approx(worth["single"].uar)
    assert judge(values, labels, speakers, bags)["fusion"].uar > each.max()
    told = re.findall(r"([0-9.]+) %", chosen(values, labels, speakers=speakers, **one).reason)
    assert max(map(float, told)) <= 100 * each.max() + 0.05

"""What makes two bundles the same version of the registered model."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from search_spaces import TrialSpec
from study.bundle.bundle import Bundle, BundleMember
from study.bundle.registry import _digest
from study.fusion.methods.decision import Decision
from study.fusion.methods.rule import FusionRule


def bundle(rule: FusionRule | None = None, *, candidates: tuple[int, int] = (0, 1)) -> Bundle:
    members = tuple(
        BundleMember(Path(f"{i}.safetensors"), str(i), 0.5, TrialSpec(), "net", i, place)
        for i, place in enumerate(candidates)
    )
    return Bundle(Path(), "mask", "train", ("clear", "mask"), 8000, 1.0, "zero", members, rule, {})


def average(**changes) -> FusionRule:
    return FusionRule("average", (0.5, 0.5), **changes)


DIFFERENT = {
    "no rule": bundle(),
    "a bias": bundle(average(decision=Decision(1.0, (0.0, -1.5)))),
    "another bias": bundle(average(decision=Decision(1.0, (0.0, -1.0)))),
    "a temperature": bundle(average(decision=Decision(2.0, (0.0, 0.0)))),
    "tempered members": bundle(average(temperatures=(1.0, 2.0))),
    "a vote": bundle(FusionRule("vote", (0.5, 0.5))),
    "stacking": bundle(FusionRule("stacking", (0.5, 0.5), (), ((0.5,) * 4,) * 2, (0.0, 0.1))),
    "other coefficients": bundle(
        FusionRule("stacking", (0.5, 0.5), (), ((0.25,) * 4,) * 2, (0.0, 0.1))
    ),
    "a vote of one candidate": bundle(FusionRule("vote", (1.0,)), candidates=(0, 0)),
    "members the other way round": bundle(average(temperatures=(1.0, 2.0)), candidates=(1, 0)),
}


def test_every_other_rule_or_place_of_a_member_is_another_version():
    assert len({_digest(one) for one in DIFFERENT.values()}) == len(DIFFERENT)


@pytest.mark.parametrize("rule", [None, average()])
def test_a_rule_that_is_the_average_alone_is_as_none(rule):
    assert _digest(bundle(rule)) == _digest(bundle())


def test_what_is_only_told_of_a_decision_makes_no_other_version():
    told = Decision(1.0, (0.0, -1.5), gain=0.02, gain_se=0.01, ece_before=0.1, ece_after=0.05)
    again = dataclasses.replace(told, gain=0.03, ece_before=None)
    assert _digest(bundle(average(decision=told))) == _digest(bundle(average(decision=again)))

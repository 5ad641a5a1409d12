"""A cue whose place is known is named; where there is none, nothing is."""

from __future__ import annotations

import json

import numpy as np
import pytest

from reports.explain.analysis import explain
from support.planted import CPU, CUE_HZ, explained_inputs, planted_corpus


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return planted_corpus(tmp_path_factory.mktemp("planted") / "corpus")


def holds_the_cue(part, band) -> bool:
    low, high = part["edges_hz"][band : band + 2]
    return low <= CUE_HZ <= high


def check_named(system) -> None:
    third = system["axes"]["third_octave"]
    assert holds_the_cue(third, third["named"][0]["band"])
    assert third["named"][0]["p"] <= 0.05
    assert "1778 to 2239 Hz" in third["finding"]
    # The band is only raised: its level is the cue, and noise of the same level has it too.
    assert "its level is what counts" in third["finding"]
    linear = system["axes"]["linear"]
    assert holds_the_cue(linear, linear["named"][0]["band"])
    # With 1 of 16 bands removed the system loses more than with any other.
    assert holds_the_cue(third, int(np.argmin(third["uar_removed"])))


def check_nothing_named(system) -> None:
    for part in system["axes"].values():
        assert part["named"] == []
        assert "no single band matters" in part["finding"]
        assert not part["trust"]["trusted"]


def test_a_linear_machine_names_the_planted_band(planted_numbers):
    numbers = planted_numbers
    system = numbers["systems"][0]
    check_named(system)
    third = system["axes"]["third_octave"]
    assert holds_the_cue(third, int(np.argmax(third["profiles"]["weights"]["mean"][-1])))
    assert numbers["clips"]["n"] == 48
    assert "48 of 72 devel clips of 6 speakers, drawn with seed 0" in numbers["clips"]["sentence"]
    assert json.loads(json.dumps(numbers, allow_nan=False)) == numbers


def test_with_shuffled_labels_no_band_is_named_and_the_map_is_not_trusted(corpus, tmp_path):
    inputs = explained_inputs(corpus, tmp_path, {"kind": "band_svm"}, shuffled=True)
    check_nothing_named(explain(inputs, CPU, n_clips=48)["systems"][0])


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_network_and_its_fusion_with_a_transformer_name_the_planted_band(corpus, tmp_path):
    kinds = ({"kind": "test_resnet"}, {"kind": "test_vit"})
    numbers = explain(explained_inputs(corpus, tmp_path, *kinds), CPU)
    for system in numbers["systems"]:
        third = system["axes"]["third_octave"]
        assert holds_the_cue(third, third["named"][0]["band"])
    fusion = numbers["systems"][1]
    assert "test_vit" in fusion["note"]
    assert "50 % of the weight" in fusion["note"]
    assert {example["class"] for example in numbers["examples"]} == {"clear", "mask"}


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_network_on_shuffled_labels_names_nothing(corpus, tmp_path):
    inputs = explained_inputs(corpus, tmp_path, {"kind": "test_resnet"}, shuffled=True)
    check_nothing_named(explain(inputs, CPU)["systems"][0])


@pytest.mark.slow
def test_a_vit_alone_is_explained_by_occlusion(corpus, tmp_path):
    inputs = explained_inputs(corpus, tmp_path, {"kind": "test_vit"}, epochs=2)
    system = explain(inputs, CPU, n_clips=24)["systems"][0]
    part = system["axes"]["third_octave"]
    assert (part["map"], part["trust"]) == (None, None)
    assert "occlusion alone" in system["note"]
    assert set(part["deletion"]["orders"]) == {"occlusion", "energy", "random"}

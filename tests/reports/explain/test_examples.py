"""Which network's single clips are shown, and what a fusion's map is made of."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from reports.explain.analysis import explain
from reports.explain.axes import frequency_axes
from reports.explain.examples import examples
from reports.explain.explained import Explained
from reports.explain.measure import make_maps
from reports.explain.subject import Subject
from runners.device import choose_compute
from support.explain_networks import noisy_inputs, random_networks

CPU = choose_compute("cpu")


def test_single_clips_are_of_the_best_network_that_has_class_activation_maps():
    network, machine = random_networks()
    better = dataclasses.replace(network, trial=7)
    inputs = noisy_inputs((network, better, machine))
    chosen = range(len(inputs.labels))
    explained = Explained(inputs, chosen, frequency_axes(8000), CPU)
    subject = Subject.from_inputs(inputs, chosen, seed=0)
    right = np.eye(3)[list(inputs.labels)]
    intact = np.stack([np.roll(right, 1, axis=1), 0.9 * right + 0.05, right])
    shown = examples(explained, explained.mappers(), intact, chosen, subject)
    assert {(one["trial"], one["uar"], one["above_chance"]) for one in shown} == {(7, 1.0, True)}
    assert len(shown) == 3
    intact[1] = intact[0]
    intact[:2, :3] = right[:3]  # a clip of each class is recognised, by chance
    shown = examples(explained, explained.mappers(), intact, chosen, subject)
    assert {one["above_chance"] for one in shown} == {False}


def test_a_linear_machine_stands_with_its_one_map_in_each_kind_of_a_fusions_maps():
    inputs = noisy_inputs(random_networks())
    numbers = explain(inputs, CPU)
    part = numbers["systems"][1]["axes"]["linear"]
    explained = Explained(inputs, range(len(inputs.labels)), frequency_axes(8000), CPU)
    shares = make_maps(explained, explained.mappers(), tick=lambda: None).fractions[1]
    assert part["map"] == "layercam"
    assert "weights" not in part["profiles"]
    subject = Subject.from_inputs(inputs, range(len(inputs.labels)), seed=0)
    for kind in ("layercam", "hirescam"):
        expected = subject.profile((shares[kind][0] + shares["weights"][1]) / 2).mean
        assert part["profiles"][kind]["mean"][-1] == pytest.approx(expected[-1], abs=1e-4)

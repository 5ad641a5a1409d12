"""A grid: every combination of a space, where it has finitely many."""

from __future__ import annotations

import pytest

from search_spaces import InputError, grid, parse_space
from search_spaces.grid import grid_specs
from support.tiny_space import GRID_SPACE, TINY_SPACE


def test_a_grid_is_every_combination_and_no_other():
    specs = grid_specs(parse_space(GRID_SPACE))
    # mel with two numbers of bands or linear, gain off or on with one of two strengths
    assert len(specs) == 3 * 3 == len({spec.digest for spec in specs})


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"optimizer": TINY_SPACE["optimizer"]}, "a range with `step` for adamw.lr, got 0.001 to"),
        ({"recipe": {"epochs": {"low": 1, "high": 20}}}, "at most 100 combinations"),
    ],
)
def test_a_space_without_a_grid_is_refused(changes, sentence, monkeypatch):
    monkeypatch.setattr(grid, "MAX_SPECS", 100)
    with pytest.raises(InputError, match=sentence):
        grid_specs(parse_space(GRID_SPACE | changes))


def test_a_range_with_steps_is_a_choice_of_them():
    space = GRID_SPACE | {"amplitude": {"db": {"floor_db": {"low": -80, "high": -60, "step": 5}}}}
    floors = {spec.amplitude.floor_db for spec in grid_specs(parse_space(space))}
    assert floors == {-80, -75, -70, -65, -60}

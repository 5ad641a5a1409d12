"""The table over seeds: what is averaged and what is told beside it."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from scipy import stats

from study.results.seeds_table import SeedsRow, seeds_lines, seeds_table


def test_the_lower_bound_is_students():
    uars = [0.61, 0.66, 0.58, 0.63]
    row = SeedsRow.of([1, 2, 3, 4], "x", uars)
    expected = stats.ttest_1samp(uars, 0, alternative="greater").confidence_interval(0.95).low
    assert row.lower == pytest.approx(expected)
    assert SeedsRow.of([1], "x", [0.5]).lower is None


def trained(number, uar, origin, digest="a"):
    return SimpleNamespace(
        number=number, uar=uar, origin=origin, spec_digest=digest, state="complete", name="x"
    )


def test_the_training_that_a_spec_was_chosen_by_is_told_beside_the_mean_and_not_in_it():
    search = [
        trained(0, 0.7, "sampler"),
        trained(1, 0.9, "sampler"),
        trained(2, 0.8, "sampler", "b"),
    ]
    again = [trained(3, 0.72, "seed:1"), trained(4, 0.76, "seed:1")]
    (row,) = seeds_table([*search, *again], rank="mean")
    assert (row.trials, row.chosen) == ((3, 4), (1, 0.9))
    assert row.mean == pytest.approx(0.74)
    assert row.lower == pytest.approx(SeedsRow.of([3, 4], "x", [0.72, 0.76]).lower)
    (line,) = seeds_lines([row], rank="mean")[1:]
    assert line.startswith("  74.0 %  x (2 repetitions, SD 2.8, at least ")
    assert line.endswith(", chosen for 90.0 % of 001): 003, 004")
    one = trained(5, 0.79, "seed:2", "b")
    rows = seeds_table([*search, *again, one], rank="lower")
    assert [row.trials for row in rows] == [(3, 4), (5,)]  # one repetition has no lower end
    assert "(1 repetition, chosen for 80.0 % of 002): 005" in seeds_lines(rows, rank="lower")[2]
    assert seeds_table(search, rank="mean") == []  # the search came to a spec twice


def test_in_a_grid_all_trainings_count():
    points = [trained(n, uar, "grid:1") for n, uar in enumerate((0.7, 0.8))]
    (row,) = seeds_table([*points, trained(2, 0.9, "grid:1", "b")], rank="mean")
    assert (row.trials, row.chosen) == ((0, 1), None)
    assert row.mean == pytest.approx(0.75)
    assert "(2 seeds, SD 7.1" in seeds_lines([row], rank="mean")[1]


def test_repetitions_of_the_luckiest_spec_are_not_flattered_on_average():
    """Forty specs of one worth, the best one trained three times more."""
    rng, told = np.random.default_rng(0), []
    for _ in range(200):
        uars = 0.7 + 0.02 * rng.standard_normal(43)
        best = int(uars[:40].argmax())
        search = [trained(n, uars[n], "sampler", str(n)) for n in range(40)]
        again = [trained(n, uars[n], f"seed:{best}", str(best)) for n in range(40, 43)]
        told.append(seeds_table([*search, *again], rank="mean")[0].mean)
    assert np.mean(told) == pytest.approx(0.7, abs=0.003)  # with the first one it was 0.711


def test_equal_repetitions_are_no_bound():
    row = SeedsRow.of([3, 7, 8], "x", [0.7, 0.7, 0.7])
    assert (row.lower, row.at_least) == (pytest.approx(0.7), None)
    (line,) = seeds_lines([row], rank="mean")[1:]
    assert "SD 0.0" in line
    assert "at least" not in line
    assert SeedsRow.of([3, 7], "x", [0.7, 0.8]).at_least is not None

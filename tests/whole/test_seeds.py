"""Repeated seeds and grids: what is run, and what is told of it."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import stats

from search_spaces import InputError, grid, parse_space
from search_spaces.grid import grid_specs
from study.config import parse_config
from study.fusion.study_candidates import read_library
from study.honest import ablation_rows
from study.honest.ablation import Trainings
from study.results import read_results
from study.results.seeds_table import SeedsRow, seeds_lines, seeds_table
from study.search.coordinator import next_repeat
from study.search.display import Progress
from study.search.session import run_study
from support.finished_study import config_of, make_study
from support.tiny_space import TINY_SPACE

GRID_SPACE = TINY_SPACE | {
    "amplitude": "db",
    "augment": {"gain": {"p": [0, 1], "max_db": [3, 6]}},
    "optimizer": "adamw",
}


def result(number, uar, digest, state="complete"):
    return {"number": number, "uar": uar, "spec_digest": digest, "state": state}


def test_the_best_specs_get_their_second_seed_before_one_gets_its_third():
    finished = {
        0: result(0, 0.6, "a"), 1: result(1, 0.9, "b"), 2: result(2, 0.8, "c"),
        3: result(3, 0.95, "d", state="pruned"), 4: result(4, 0.7, "b"),
    }  # fmt: skip
    origins = dict.fromkeys(finished, "sampler")
    order = []
    for number in range(5, 20):
        chosen = next_repeat(finished, origins, top=2, n=3)
        if chosen is None:
            break
        order.append(chosen)
        origins[number] = f"seed:{chosen}"
        finished[number] = result(number, 0.99, finished[chosen]["spec_digest"])
    assert order == [1, 2, 1, 2]  # a repeated one's luck does not change who is best


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


def test_a_search_needs_a_bound_and_a_grid_does_not():
    plain = {"name": "s", "corpus": "c"}
    with pytest.raises(InputError, match="t: budget needs `trials` or `hours`"):
        parse_config(plain, where="t")
    assert parse_config(plain | {"sampler": "grid"}, where="t").budget.trials is None


@pytest.fixture(scope="module")
def repeated(synthetic, tmp_path_factory):
    """A study of three trials whose best two specs are trained with two seeds."""
    base = tmp_path_factory.mktemp("repeated")
    return make_study(synthetic, base, budget={"trials": 3}, seeds={"top": 2, "n": 2}, baselines=[])


def test_the_best_specs_are_trained_again_with_other_seeds(repeated):
    results = read_results(repeated)
    assert len(results.trials) == 5
    search = sorted(results.trials[:3], key=lambda t: (-t.uar, t.number))[:2]
    again = results.trials[3:]
    assert {t.origin for t in again} == {f"seed:{t.number}" for t in search}
    for one in again:
        first = results.trial(int(one.origin.removeprefix("seed:")))
        assert one.spec_digest == first.spec_digest
        assert one.spec["seed"] != first.spec["seed"]
        assert len(one.uar_per_epoch) == one.epochs  # never pruned
    rows = seeds_table(results.ranked, rank="mean")
    assert sorted(len(row.trials) for row in rows) == [1, 1]
    assert {row.chosen[0] for row in rows} == {t.number for t in search}
    for row in rows:
        assert row.mean == pytest.approx(np.mean([results.trial(n).uar for n in row.trials]))
    assert rows[0].mean >= rows[1].mean
    assert "over seeds, by mean" in seeds_lines(rows, rank="mean")[0]
    assert sorted(len(c.trials) for c in read_library(results).candidates) == [1, 2, 2]


def test_a_study_with_all_its_seeds_has_nothing_left_to_run(repeated, synthetic):
    config = config_of(synthetic, budget={"trials": 3}, seeds={"top": 2, "n": 2}, baselines=[])
    assert run_study(config, base=repeated.parent.parent, echo=str, progress=Progress()) == 0
    assert len(read_results(repeated).trials) == 5


@pytest.mark.slow
def test_a_lost_optuna_store_gets_the_repeated_trials_too(repeated, synthetic):
    import optuna

    (repeated / "optuna.db").unlink()
    config = config_of(synthetic, budget={"trials": 3}, seeds={"top": 2, "n": 2}, baselines=[])
    assert run_study(config, base=repeated.parent.parent, echo=str, progress=Progress()) == 0
    (study,) = optuna.get_all_study_summaries(f"sqlite:///{repeated / 'optuna.db'}")
    trials = optuna.load_study(
        study_name=study.study_name, storage=f"sqlite:///{repeated / 'optuna.db'}"
    ).trials
    assert [t.value for t in trials] == [t.uar for t in read_results(repeated).trials]
    assert trials[3].params == trials[int(read_results(repeated).trials[3].origin[5:])].params


def test_a_grid_study_runs_each_point_with_each_seed_and_ends(synthetic, tmp_path):
    space = GRID_SPACE | {"augment": {}, "scale": {"mel": {"n_bands": [32, 40]}}}
    space |= {"recipe": {"epochs": 1, "batch": 32}}
    folder = make_study(
        synthetic, tmp_path, space=space, sampler="grid", seeds={"n": 2}, budget={}, baselines=[]
    )
    trials = read_results(folder).trials
    assert [t.origin for t in trials] == ["grid:1", "grid:1", "grid:2", "grid:2"]
    assert [t.spec_digest for t in trials[:2]] == [t.spec_digest for t in trials[2:]]
    seeds = [t.spec["seed"] for t in trials]
    assert seeds[0] == seeds[1] != seeds[2] == seeds[3]
    assert json.loads((folder / "state.json").read_text())["fixed"]["sampler"] == "grid"
    rows = ablation_rows(Trainings.from_results(read_results(folder)))
    assert {(row.settings["mel.n_bands"], row.trials) for row in rows} == {
        (32, (0, 2)),
        (40, (1, 3)),
    }

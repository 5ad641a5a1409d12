"""Studies of repeated seeds and of grids: what is run, and what is told of it."""

from __future__ import annotations

import json

import numpy as np
import pytest

from study.fusion.study_candidates import read_library
from study.honest import ablation_rows
from study.honest.ablation import Trainings
from study.results import read_results
from study.results.seeds_table import seeds_lines, seeds_table
from study.search.display import Progress
from study.search.session import run_study
from support.finished_study import config_of, make_study
from support.tiny_space import GRID_SPACE


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
    table = (repeated / "leaderboard.csv").read_text()
    assert "together" in table.splitlines()[0].split(",")  # written when the fusion knows them


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

"""Optuna behind the coordinator: the same suggestions again, and what is told."""

from __future__ import annotations

import contextlib
import sqlite3
from types import SimpleNamespace

import optuna
import pytest

from search_spaces import InputError, parse_space
from study.config import Pruning, parse_config
from study.planning.enqueued_trials import derive_seed, enqueued_trials
from study.search.sampler import Sampling, rungs
from study.search.session import open_sampling
from support.tiny_space import TINY_SPACE


def sampling(path, *, seed=0, pruning=None) -> Sampling:
    space = parse_space(TINY_SPACE)
    return Sampling(
        f"sqlite:///{path}",
        name="s",
        space=space,
        enqueued=enqueued_trials(space.baselines, space, sampler="tpe", seeds=[]),
        seed=seed,
        pruning=pruning or Pruning(),
    )


def play(made: Sampling, n: int) -> list:
    """Ask and tell n trials whose value depends on the spec alone."""
    specs = []
    for _ in range(n):
        number, spec, _ = made.ask()
        lr = getattr(spec.optimizer, "lr", 0)
        made.tell(number, state="complete", uar=0.5 + lr)
        specs.append(spec)
    return specs


def test_a_store_that_another_program_holds_is_not_told_as_damaged(tmp_path):
    sampling(tmp_path / "a.db")
    with contextlib.closing(sqlite3.connect(tmp_path / "a.db")) as other:
        other.execute("begin exclusive")
        with pytest.raises(InputError, match="another program holds the Optuna store") as told:
            sampling(f"{tmp_path}/a.db?timeout=0.1")
    assert "damaged" not in str(told.value)


def test_a_study_may_lie_in_a_folder_of_any_name(tmp_path):
    folder = tmp_path / "a #1%41?b"
    folder.mkdir()
    plain = {"name": "s", "corpus": "c", "space": "demo", "budget": {"trials": 1}}
    config = parse_config(plain, where="s")
    plan = SimpleNamespace(
        config=config, folder=folder, space=parse_space(TINY_SPACE), enqueued=[], warm_start=[]
    )
    assert open_sampling(plan).ask().number == 0
    assert [path.name for path in folder.iterdir()] == ["optuna.db"]


def test_a_study_in_two_sessions_suggests_what_one_session_suggests(tmp_path):
    whole = play(sampling(tmp_path / "a.db"), 16)
    parts = play(sampling(tmp_path / "b.db"), 7) + play(sampling(tmp_path / "b.db"), 9)
    assert whole == parts
    assert len({spec.digest for spec in whole}) > 10
    assert play(sampling(tmp_path / "c.db", seed=1), 4)[3] != whole[3]


def test_a_trial_left_running_is_taken_up_with_the_same_spec(tmp_path):
    first = sampling(tmp_path / "a.db")
    play(first, 3)
    number, spec, origin = first.ask()
    second = sampling(tmp_path / "a.db")
    assert second.running() == [number]
    assert second.again(number) == (number, spec, origin)
    second.tell(number, state="complete", uar=0.7)
    assert second.running() == []


def test_a_trial_asked_for_but_not_yet_suggested_gets_what_it_would_have_got(tmp_path):
    expected = play(sampling(tmp_path / "a.db"), 5)[4]
    made = sampling(tmp_path / "b.db")
    play(made, 4)
    made._reseed(4)
    made.study.ask()  # killed before anything was suggested
    again = sampling(tmp_path / "b.db")
    assert again.again(4)[1] == expected


def test_baselines_come_first_and_one_inside_the_space_teaches_the_sampler(tmp_path):
    plain = {**TINY_SPACE, "baselines": {
        "outside": {"scale": "log", "backbone": "band_svm"},
        "inside": {"scale": "linear", "amplitude": {"db": {"floor_db": -70}},
                   "optimizer": {"adamw": {"lr": 2e-3}}},
    }}  # fmt: skip
    space = parse_space(plain)
    made = Sampling(
        f"sqlite:///{tmp_path / 'a.db'}", name="s", space=space, seed=0,
        enqueued=enqueued_trials(space.baselines, space, sampler="tpe", seeds=[]),
        pruning=Pruning(),
    )  # fmt: skip
    asked = [made.ask() for _ in range(3)]
    assert [origin for _, _, origin in asked] == ["baseline:outside", "baseline:inside", "sampler"]
    assert asked[1][1].optimizer.lr == 2e-3
    params = [trial.params for trial in made.study.get_trials()]
    assert params[0] == {}
    assert params[1]["adamw.lr"] == 2e-3
    assert made.again(1)[1] == asked[1][1]


def test_telling_twice_changes_nothing(tmp_path):
    made = sampling(tmp_path / "a.db")
    number, _, _ = made.ask()
    made.tell(number, state="complete", uar=0.7)
    made.tell(number, state="failed", uar=None)
    assert made.study.get_trials()[0].value == 0.7


@pytest.mark.parametrize("fault", ["memory", "loss"])
def test_a_fault_of_the_spec_is_told_as_pruned_with_a_violated_constraint(tmp_path, fault):
    made = sampling(tmp_path / "a.db")
    play(made, 1)
    number, _, _ = made.ask()
    made.tell(number, state="failed", uar=None, fault=fault)
    trial = made.study.get_trials()[number]
    assert trial.state == optuna.trial.TrialState.PRUNED
    assert trial.constraints == {fault: 1.0}


@pytest.mark.parametrize("constraint_set", [False, True])
def test_out_of_memory_is_told_alike_after_a_kill_before_it_was_told(tmp_path, constraint_set):
    first = sampling(tmp_path / "a.db")
    play(first, 1)
    number, _, _ = first.ask()
    if constraint_set:
        first.trials[number].set_constraint("memory", 1.0)
    second = sampling(tmp_path / "a.db")
    for _ in range(2):
        second.tell(number, state="failed", uar=None, fault="memory")
    trial = second.study.get_trials()[number]
    assert trial.state == optuna.trial.TrialState.PRUNED
    assert trial.constraints == {"memory": 1.0}


def test_a_trial_clearly_below_the_median_is_pruned_and_not_before_its_time(tmp_path):
    made = sampling(tmp_path / "a.db", pruning=Pruning(startup_trials=3, warmup=0.5))
    for _ in range(4):
        number, _, _ = made.ask()
        for eighth in range(1, 8):
            assert not made.report(number, step=eighth, uar=0.6 + 0.02 * eighth)
        made.tell(number, state="complete", uar=0.76)
    number, _, _ = made.ask()
    verdicts = [made.report(number, step=eighth, uar=0.5 - 0.01 * eighth) for eighth in range(1, 8)]
    assert verdicts[:3] == [False] * 3
    assert verdicts[-1]


@pytest.mark.parametrize("epochs", [1, 2, 3, 5, 8, 16, 100])
def test_rungs_lie_within_the_schedule_and_each_eighth_is_judged_once(epochs):
    found = rungs(epochs)
    assert all(1 <= epoch < epochs for epoch in found)
    assert len(set(found.values())) == len(found)
    assert all(eighth / 8 <= epoch / epochs for epoch, eighth in found.items())


def test_seeds_differ_between_trials_and_studies():
    assert len({derive_seed(seed, number) for seed in range(20) for number in range(50)}) == 1000

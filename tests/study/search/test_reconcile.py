"""Lost and damaged stores and files: the trial folders give everything again."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import optuna
import pytest

from study.results import read_results
from study.search.display import Progress
from study.search.reconcile import reconcile_study
from study.search.session import run_study
from support.finished_study import config_of


def reconcile(folder: Path, corpus: Path) -> tuple[int, str]:
    said: list[str] = []
    config = config_of(corpus, tracking=True, budget={"trials": 3})
    code = reconcile_study(config, base=folder.parent.parent, echo=said.append)
    return code, "\n".join(said)


def run(folder: Path, corpus: Path) -> None:
    config = config_of(corpus, tracking=True, budget={"trials": 3})
    assert run_study(config, base=folder.parent.parent, echo=str, progress=Progress()) == 0


def in_optuna(folder: Path) -> list[tuple]:
    storage = f"sqlite:///{folder / 'optuna.db'}"
    (name,) = optuna.get_all_study_names(storage)
    trials = optuna.load_study(study_name=name, storage=storage).trials
    return [(t.number, t.state.name, t.value, t.params, t.intermediate_values) for t in trials]


def in_mlflow(base: Path) -> dict[str, tuple]:
    """What the store has of every run, without identifiers and times."""
    database = sqlite3.connect(base / "mlflow.db")
    runs = database.execute("select run_uuid, name, status from runs").fetchall()
    found = {}
    for run_id, name, status in runs:
        params = database.execute("select key, value from params where run_uuid=?", (run_id,))
        metrics = database.execute(
            "select key, step, value from metrics where run_uuid=? and key != 'study/uar_best'",
            (run_id,),
        )
        found[name] = (status, sorted(params), sorted(metrics))
    return found


def test_a_whole_study_has_nothing_to_reconcile(tracked_copy, synthetic):
    before = in_optuna(tracked_copy), in_mlflow(tracked_copy.parent.parent)
    code, said = reconcile(tracked_copy, synthetic)
    assert code == 0
    assert "0 of them put into the store again" in said
    assert (in_optuna(tracked_copy), in_mlflow(tracked_copy.parent.parent)) == before


@pytest.mark.parametrize("damage", ["delete", "tear"])
def test_stores_that_are_gone_are_made_anew_with_equal_content(tracked_copy, synthetic, damage):
    base = tracked_copy.parent.parent
    optuna_before, mlflow_before = in_optuna(tracked_copy), in_mlflow(base)
    for path in (base / "mlflow.db", tracked_copy / "optuna.db"):
        content = path.read_bytes()
        path.unlink()
        if damage == "tear":
            path.write_bytes(content[: len(content) // 3] + b"x" * 5000)
    code, said = reconcile(tracked_copy, synthetic)
    assert code == 0, said
    assert in_optuna(tracked_copy) == optuna_before
    assert in_mlflow(base) == mlflow_before
    for path in (base / "mlflow.db.damaged", tracked_copy / "optuna.db.damaged"):
        assert path.exists() == (damage == "tear")
        assert (path.name.removesuffix(".damaged") + " is damaged" in said) == (damage == "tear")


def test_a_damaged_store_is_moved_beside_what_was_moved_before(tracked_copy, synthetic):
    store = tracked_copy.parent.parent / "mlflow.db"
    earlier = store.with_name("mlflow.db.damaged")
    earlier.write_text("with the runs of other studies")
    store.write_bytes(b"the second damage" * 1000)
    code, said = reconcile(tracked_copy, synthetic)
    assert code == 0, said
    assert "is now mlflow.db.damaged-2" in said
    assert earlier.read_text() == "with the runs of other studies"
    assert store.with_name("mlflow.db.damaged-2").read_bytes().startswith(b"the second")


def test_a_store_that_cannot_be_read_just_now_is_not_called_damaged(tracked_copy, synthetic):
    before = in_optuna(tracked_copy)
    (tracked_copy / "optuna.db-journal").mkdir()
    with pytest.raises(Exception, match="disk I/O error"):
        reconcile(tracked_copy, synthetic)
    (tracked_copy / "optuna.db-journal").rmdir()
    assert in_optuna(tracked_copy) == before
    assert not (tracked_copy / "optuna.db.damaged").exists()


@pytest.mark.parametrize(
    "name",
    [
        "attempt-1/devel.npy",
        pytest.param("attempt-1/test.npy", marks=pytest.mark.slow),
        pytest.param("result.json", marks=pytest.mark.slow),
    ],
)
def test_a_trial_with_a_torn_file_runs_again_and_gives_the_same(tracked_copy, synthetic, name):
    before = read_results(tracked_copy).trial(1)
    path = tracked_copy / "trials" / "00001" / name
    path.write_bytes(path.read_bytes()[:-20])
    code, said = reconcile(tracked_copy, synthetic)
    assert code == 1
    assert f"trial 1: damaged or missing: {Path(name).name}; it has to run again" in said
    run(tracked_copy, synthetic)
    after = read_results(tracked_copy).trial(1)
    assert (after.uar_per_epoch, after.files) == (before.uar_per_epoch, before.files)
    assert reconcile(tracked_copy, synthetic)[0] == 0
    assert [row[1] for row in in_optuna(tracked_copy)].count("RUNNING") == 0


def test_torn_weights_are_dropped_alone(tracked_copy, synthetic):
    path = tracked_copy / "trials" / "00001" / "attempt-1" / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-20])
    code, said = reconcile(tracked_copy, synthetic)
    assert code == 0
    assert "model.safetensors is damaged, and dropped" in said
    assert not path.exists()


def test_a_result_torn_while_nobody_looked_is_run_again_by_the_same_command(
    tracked_copy, synthetic
):
    before = read_results(tracked_copy).trial(2)
    (tracked_copy / "trials" / "00002" / "result.json").write_text('{"format": 1, "uar"')
    run(tracked_copy, synthetic)
    after = read_results(tracked_copy).trial(2)
    assert (after.attempt, after.files) == (2, before.files)
    shutil.rmtree(tracked_copy)

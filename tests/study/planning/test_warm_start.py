"""`from:`: a new study begins with the finished trials of an earlier one."""

from __future__ import annotations

import json
import shutil
import sqlite3
from pathlib import Path

import optuna
import pytest

from search_spaces import InputError
from study.challenge.refit import refit_study
from study.results import read_results
from study.search.display import Progress
from study.search.session import run_study
from support.finished_study import config_of
from support.tiny_space import TINY_SPACE

N = 4  # trials of the earlier study
SPACE = TINY_SPACE | {"scale": {"mel": {"n_bands": [32, 40, 48]}}}  # and no linear axis any more


def run(corpus: Path, base: Path, source: Path, said: list[str] | None = None, **changes) -> Path:
    options = {"name": "more", "space": SPACE, "budget": {"trials": 2}, "from": str(source)}
    config = config_of(corpus, **options | changes)
    echo = print if said is None else said.append
    assert run_study(config, base=base, echo=echo, progress=Progress()) == 0
    return base / "results" / "more"


def optuna_trials(folder: Path) -> list[optuna.trial.FrozenTrial]:
    storage = f"sqlite:///{folder / 'optuna.db'}"
    (name,) = optuna.get_all_study_names(storage)
    return optuna.load_study(study_name=name, storage=storage).trials


@pytest.fixture(scope="module")
def more(finished, synthetic, empty_database, tmp_path_factory) -> tuple[Path, list[str]]:
    """A study of two trials more in another space, and what it said."""
    base, said = tmp_path_factory.mktemp("more"), []
    shutil.copy(empty_database, base)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(base)
        return run(synthetic, base, finished, said, tracking=True), said


def test_it_has_their_results_and_trains_only_what_is_new(finished, more):
    old, new = read_results(finished).trials, read_results(more[0]).trials
    taken = [f"from:tiny/{n}" for n in range(1, N)]
    assert [t.origin for t in new] == [old[0].origin, *taken, "sampler", "sampler"]
    for before, after in zip(old, new, strict=False):
        assert after.uar == before.uar
        assert after.params == before.params
        assert after.file("devel.npy").read_bytes() == before.file("devel.npy").read_bytes()
    assert read_results(more[0]).ensemble.n_candidates == N + 2
    assert old[0].origin.startswith("baseline:")  # which was not trained again


def test_the_sampler_learns_from_those_that_lie_in_the_space(more):
    folder, said = more
    results, told = read_results(folder).trials, optuna_trials(folder)
    assert [t.value for t in told] == [t.uar if t.state == "complete" else None for t in results]
    inside = [t.params["scale"] == "mel" and "band_svm" not in t.name for t in results[:N]]
    assert [bool(t.params) for t in told[:N]] == inside
    assert 0 < sum(inside) < N
    words = f"study more begins with {N} trials of tiny, {N - sum(inside)} of them outside"
    assert any(line.startswith(words) for line in said)


def test_they_are_runs_like_all_others(more):
    database = sqlite3.connect(more[0].parent.parent / "mlflow.db")
    runs = dict(
        database.execute(
            "select name, value from runs join tags using (run_uuid) where key = 'origin'"
        )
    )
    assert sorted(name[:3] for name in runs) == [f"{n:03d}" for n in range(N + 2)]
    assert sum(value.startswith("from:tiny/") for value in runs.values()) == N - 1


def test_a_take_over_that_was_cut_short_is_finished_and_needs_the_other_study_only_for_that(
    finished, more, synthetic, tmp_path, monkeypatch
):
    shutil.copytree(more[0].parent.parent, tmp_path, dirs_exist_ok=True)
    folder, source = tmp_path / "results" / "more", tmp_path / "results" / "tiny"
    shutil.copytree(finished, source)
    state = json.loads((folder / "state.json").read_text())
    state["fixed"]["from"] = str(source)  # what state.json notes of its place counts for nothing
    (folder / "state.json").write_text(json.dumps(state))
    before = (folder / "leaderboard.csv").read_text()
    (folder / "optuna.db").unlink()
    (folder / "trials" / "00002" / "result.json").unlink()
    (folder / "trials" / "00002" / "attempt-1" / "devel.npy").unlink()
    run(synthetic, tmp_path, source)
    assert (folder / "leaderboard.csv").read_text() == before
    shutil.rmtree(source)
    run(synthetic, tmp_path, source)  # whole by now
    assert (folder / "leaderboard.csv").read_text() == before
    state["taken"]["trials"] = "0-3"
    (folder / "state.json").write_text(json.dumps(state))
    with pytest.raises(InputError, match="taken has another type than it was written with"):
        run(synthetic, tmp_path, source)
    state["taken"]["trials"] = list(range(N))
    (folder / "state.json").write_text(json.dumps(state))
    (folder / "trials" / "00002" / "result.json").unlink()
    with pytest.raises(InputError, match="it has no result any more"):
        run(synthetic, tmp_path, source)


def test_a_study_keeps_what_it_took_when_its_key_is_taken_away(finished, more, synthetic, tmp_path):
    shutil.copytree(more[0].parent.parent, tmp_path, dirs_exist_ok=True)
    changes = {"space": SPACE, "budget": {"trials": 3}}
    config = config_of(synthetic, name="more", **changes)
    assert run_study(config, base=tmp_path, echo=print, progress=Progress()) == 0
    assert len(read_results(tmp_path / "results" / "more").trials) == N + 3


def test_members_that_were_taken_over_are_fitted_again(finished, more, synthetic, tmp_path):
    shutil.copytree(more[0].parent.parent, tmp_path, dirs_exist_ok=True)
    options = {"budget": {"trials": 2}, "refit": {"seeds": 1}, "from": str(finished)}
    config = config_of(synthetic, name="more", space=SPACE, **options)
    assert refit_study(config, base=tmp_path, echo=print) == 0
    members = read_results(tmp_path / "results" / "more").ensemble.members
    assert any(member.trial < N for member in members)


def test_a_grid_runs_all_its_points_behind_them(finished, synthetic, tmp_path):
    grid = TINY_SPACE | {"scale": {"mel": {"n_bands": [32, 40]}}, "amplitude": "db"}
    grid |= {"augment": {}, "optimizer": "adamw", "recipe": {"epochs": 1, "batch": 32}}
    folder = run(synthetic, tmp_path, finished, space=grid, sampler="grid", budget={}, baselines=[])
    origins = [trial.origin for trial in read_results(folder).trials]
    assert origins[N:] == ["grid:1", "grid:1"]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"clip_seconds": 0.5}, "`clip_seconds` is 1.0 there and 0.5 here"),
        ({"sampling_rate": 4000}, "the sampling rate is 8000 Hz there and 4000 Hz here"),
        ({"protocol": "kfold", "folds": 2}, "`protocol` is 'holdout' there and 'kfold' here"),
    ],
)
def test_where_values_would_not_be_valid_nothing_is_taken(
    finished, synthetic, tmp_path, changes, sentence
):
    with pytest.raises(InputError, match="cannot be gone on from") as caught:
        run(synthetic, tmp_path, finished, **changes)
    assert sentence in caught.value.problems[0]
    assert not (tmp_path / "results").exists()


def test_another_label_is_another_material(finished, synthetic, tmp_path):
    corpus = shutil.copytree(synthetic, tmp_path / "corpus")
    labels = corpus / "lab" / "labels.csv"
    lines = labels.read_text().splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith("train"))
    name, label = lines[at].split(",")
    others = {line.split(",")[1] for line in lines[1:]} - {label, "?"}
    lines[at] = f"{name},{others.pop()}"
    labels.write_text("\n".join(lines) + "\n")
    with pytest.raises(InputError, match="clips, labels or partitions are others"):
        run(corpus, tmp_path, finished)


def test_what_is_no_earlier_study_is_a_sentence(finished, synthetic, tmp_path):
    with pytest.raises(InputError, match=r"from: .*there is no such results folder"):
        run(synthetic, tmp_path, tmp_path / "none")
    with pytest.raises(InputError, match=r"from: .* is this study itself"):
        run(synthetic, tmp_path, tmp_path / "results" / "more")
    empty = shutil.copytree(finished, tmp_path / "empty", dirs_exist_ok=True)
    shutil.rmtree(empty / "trials")
    (empty / "ensemble" / "ensemble.json").unlink()
    with pytest.raises(InputError, match=r"from: .* has no trial that ended with a result"):
        run(synthetic, tmp_path, empty)


def test_a_study_that_may_not_change_says_how_to_go_on(finished, synthetic):
    with pytest.raises(InputError) as caught:
        run_study(config_of(synthetic, seed=1), base=finished.parent.parent)
    assert f"another `name` and `from: {finished}`" in caught.value.problems[0]
    with pytest.raises(InputError) as caught:
        run_study(config_of(synthetic, pad="zero"), base=finished.parent.parent)
    assert "from:" not in caught.value.problems[0]

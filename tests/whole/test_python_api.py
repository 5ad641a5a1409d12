"""The face for Python: what docs/python-api.md says runs, and does what it says."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest
import yaml

import study
from reports.figures import FIGURES
from reports.sections import sections
from study.api import Fusion, Results
from study.config import changed
from support.finished_study import PLAIN, copy_study

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "python-api.md").read_text("utf-8")
# What the page's study is called, and how long it is, in the test's.
SMALL = {'"trials": 20': '"trials": 4', '"budget.trials": 20': '"budget.trials": 4',
         "results/mask": "results/tiny"}  # fmt: skip


@pytest.fixture
def base(finished, synthetic, tmp_path, monkeypatch) -> Path:
    """A copy of a finished study as the working directory, with a clip beside it."""
    copy_study(finished, tmp_path)
    state = tmp_path / "results" / "tiny" / "state.json"
    state.write_text(state.read_text().replace(str(finished.parent.parent), str(tmp_path)))
    shutil.copy(next((synthetic / "wav").iterdir()), tmp_path / "clip.wav")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_block_of_the_page_runs(base, capsys, monkeypatch):
    monkeypatch.setattr(go.Figure, "show", lambda figure: None)
    blocks = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert len(blocks) > 8
    names: dict[str, object] = {}
    for block in blocks:
        for text, own in SMALL.items():
            block = block.replace(text, own)
        exec(compile(block, "docs/python-api.md", "exec"), names)
    assert "unknown key 'budgt' (did you mean budget?)" in capsys.readouterr().out
    assert names["results"].folder == base / "results" / "tiny"
    assert names["probabilities"].shape == (2, 2)


def test_the_page_names_all_that_results_have():
    for kind in (Results, Fusion):
        for name in (*vars(kind), *kind.__dataclass_fields__):
            assert name.startswith("_") or re.search(rf"`(\w+\.)*{name}\b", PAGE), name


def test_the_package_lists_all_that_it_gives():
    for name in study.__all__:
        assert getattr(study, name) is not None
    assert {*study.__all__} == {*study._HOMES} <= {*dir(study)}
    assert not [name for name in study.__all__ if f"study.{name}" not in PAGE]
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = study.nothing


def test_the_import_takes_no_time():
    heavy = ("torch", "mlflow", "optuna", "pandas", "plotly", "numpy", "pydantic", "yaml")
    code = (
        "import os, sys; before = os.times().user; import study\n"
        f"print([m for m in {heavy} if m in sys.modules], os.times().user - before)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded, seconds = done.stdout.rsplit(maxsplit=1)
    assert loaded == "[]"
    assert float(seconds) < 0.3


def test_tables_hold_what_the_study_has(base, spectune):
    results = study.open(base / "study.yaml")
    table = results.leaderboard()
    assert len(table) == len(results.trials) == 4
    assert list(table["uar"].dropna()) == sorted(table["uar"].dropna(), reverse=True)
    assert table.loc[0, "trial"] == results.best.number
    assert {"scale", "backbone"} <= {*table.columns}
    assert spectune("leaderboard", base / "study.yaml", "--csv", base / "board.csv")[0] == 0
    assert list(table.columns) == list(pd.read_csv(base / "board.csv").columns)
    assert spectune("ablation", base / "study.yaml", "--csv", base / "points.csv")[0] == 0
    points = results.ablation()
    assert list(points.columns) == list(pd.read_csv(base / "points.csv").columns)
    assert points["uar"].is_monotonic_decreasing
    assert results.seeds().empty


def test_predictions_are_those_of_the_fusion_or_of_a_trial(base):
    results = study.open(base / "results" / "tiny")
    devel = results.predictions("devel")
    assert list(devel.columns) == ["file_name", "label", "prediction", "prob_clear", "prob_mask"]
    stored = pd.read_csv(results.folder / "ensemble" / "predictions_devel.csv")
    pd.testing.assert_frame_equal(devel, stored)
    one = results.predictions("devel", trial=results.best.number)
    right = (one["prediction"] == one["label"]).groupby(one["label"]).mean()
    assert right.mean() == pytest.approx(results.best.uar)
    test = results.predictions("test", trial=results.best.number)
    assert {*test["label"]} == {""}
    assert np.allclose(test[["prob_clear", "prob_mask"]].sum(axis=1), 1)
    for wrong in ({"partition": "train"}, {"trial": 99}):
        with pytest.raises(study.InputError, match=r"must be devel or test|no trial 99"):
            results.predictions(**wrong)


def test_what_stands_on_the_screen_says_how_far_it_is(base, fake_study):
    results = study.open(base / "results" / "tiny")
    assert "study tiny is not running" in repr(results)
    assert str(results.folder) in repr(results)
    assert results.status["trials"]["complete"] > 0
    assert f"{100 * results.fusion.apparent:.1f} % (apparent)" in repr(results.fusion)
    assert results.fusion.sentences[0] in repr(results.fusion)
    assert results.fusion.members["weight"].sum() == pytest.approx(1)
    begun = study.open(fake_study(n_trials=1, ensemble=False))
    assert begun.fusion is None
    with pytest.raises(study.InputError, match="no fusion has predictions of devel yet"):
        begun.predictions()
    assert len(begun.leaderboard()) == 1


def test_every_figure_of_the_report_has_a_name(thirty_trials):
    results = study.open(thirty_trials)
    drawn = {panel.name for part in sections(results.study) for panel in part.panels}
    assert drawn <= {*FIGURES}
    for name in dir(results.figures):
        draw = getattr(results.figures, name)
        if name.replace("_", "-") in drawn:
            assert isinstance(draw(), go.Figure)
        else:
            with pytest.raises(study.InputError, match=f"no figure {name.replace('_', '-')} yet: "):
                draw()
    assert results.figures.confusion_1().layout.title.text.startswith("Confusion on devel: Fusion")
    with pytest.raises(AttributeError, match=r"no figure 'histry', only calibration, .*history"):
        _ = results.figures.histry


def test_a_mapping_runs_too_and_from_any_thread(base):
    found: list[Results] = []
    plain = PLAIN | {"corpus": Path(state_of(base)["corpus"]), "tracking": False}
    run = threading.Thread(target=lambda: found.append(study.run(plain, budget={"trials": 4})))
    run.start()
    run.join()
    assert found[0].folder == base / "results" / "tiny"
    assert json.loads((found[0].folder / "state.json").read_text())["command"] == "study.run"


def state_of(base: Path) -> dict:
    return yaml.safe_load((base / "study.yaml").read_text())


def test_what_is_wrong_is_told_before_anything_is_written(base):
    before = {path: path.stat().st_mtime_ns for path in base.rglob("*")}
    for wrong, said in {
        "bugdet": "unknown key 'bugdet' (did you mean budget?)",
        "budget": "budget.trials must be greater than or equal to 1, got 0",
        "seeds.top.more": "top is not a mapping",
    }.items():
        with pytest.raises(study.InputError, match=re.escape(said)):
            study.run("study.yaml", **{wrong: {"trials": 0}})
    with pytest.raises(study.InputError, match="has not been run, or its results were moved"):
        study.open(save(base / "other.yaml", state_of(base) | {"name": "other"}))
    shutil.move("results", "other-results")
    with pytest.raises(study.InputError, match="or its results were moved or deleted"):
        study.open("study.yaml")
    shutil.move("other-results", "results")
    for wrong in (None, 3, "", b"x"):
        for call in (study.open, study.run):
            with pytest.raises(study.InputError, match="a study must be a study"):
                call(wrong)
    with pytest.raises(study.InputError, match="a bundle must be a folder, got None"):
        study.load(None)
    after = {path: path.stat().st_mtime_ns for path in base.rglob("*") if "other" not in path.name}
    assert after.keys() == before.keys()


def save(path: Path, plain: dict) -> Path:
    path.write_text(json.dumps(plain))
    return path


@pytest.mark.parametrize(("code", "error"), [(130, KeyboardInterrupt), (3, RuntimeError)])
def test_a_study_that_stops_early_is_no_result(base, monkeypatch, code, error):
    monkeypatch.setattr("study.search.session.run_study", lambda *args, **options: code)
    with pytest.raises(error, match="stopped"):
        study.run("study.yaml")


def test_an_override_changes_what_it_names(base):
    plain = {"budget": {"hours": 8}, "space": {"scale": "mel"}, "corpus": "here"}
    new = {"budget": {"trials": 2}, "space": {"backbone": "band_svm"}, "corpus": Path("there"),
           "baselines": ("band_svm",), "seeds.top": 3}  # fmt: skip
    assert changed(plain, new) == {
        "budget": {"hours": 8, "trials": 2},
        "space": {"backbone": "band_svm"},
        "corpus": "there",
        "baselines": ["band_svm"],
        "seeds": {"top": 3},
    }
    assert plain == {"budget": {"hours": 8}, "space": {"scale": "mel"}, "corpus": "here"}


@pytest.mark.slow
def test_the_cells_of_the_notebook_run(tmp_path, monkeypatch):
    text = (DOCS / "notebook.ipynb").read_text("utf-8")
    cells = [cell for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"]
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in cells)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(go.Figure, "show", lambda figure: None)
    names: dict[str, object] = {}
    for cell in cells:
        exec(compile("".join(cell["source"]), "docs/notebook.ipynb", "exec"), names)
    assert isinstance(names["figure"], go.Figure)
    assert names["probabilities"].shape == (3, 2)


INTERRUPTED = """
import sys
import study
try:
    study.run("study.yaml", budget={"trials": 200})
except KeyboardInterrupt as error:
    print("interrupted:", error)
results = study.open("study.yaml")
print("open", len(results.trials), results.status["held_for"])
"""


@pytest.mark.slow
def test_an_interrupted_cell_stops_the_study_and_the_next_one_runs(base):
    process = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED], cwd=base, stdout=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip
    trials = base / "results" / "tiny" / "trials"
    deadline = time.monotonic() + 200
    while not (trials / "00004" / "result.json").exists():  # of the four that were there
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.2)
    running = study.open(base / "study.yaml")
    assert "study tiny is running" in repr(running)
    assert len(running.leaderboard()) == len(running.trials) > 4
    os.killpg(process.pid, signal.SIGINT)  # as Jupyter does: the kernel and all it started
    out, _ = process.communicate(timeout=100)
    assert process.returncode == 0
    assert "interrupted: the study has stopped cleanly; the same call goes on" in out
    assert re.search(r"^open \d+ None$", out, re.MULTILINE)

"""What an earlier revision left on disk opens and goes on; tests/whole/before/make.py made it."""

from __future__ import annotations

import csv
import io
import json
import os
import sqlite3
import tarfile
from pathlib import Path

import mlflow.pyfunc
import pandas as pd
import pytest
import soundfile

import study
from study.corpus.simulated.formant_corpus import make_synthetic
from study.corpus.simulated.mask_corpus import simulate_masks

FILE = Path(__file__).with_name("before") / "before.tar.xz"
WAS = "/tmp/spectune-before"  # where it was made, and is no more
MOVED = {"experiments": "artifact_location", "runs": "artifact_uri", "model_versions": "source"}


@pytest.fixture
def old(tmp_path, monkeypatch) -> Path:
    """The folder of the earlier revision, with what tells its address changed."""
    with tarfile.open(FILE) as archive:
        archive.extractall(tmp_path, filter="data")
    state = tmp_path / "results" / "before" / "state.json"
    state.write_text(state.read_text().replace(WAS, str(tmp_path)))
    with sqlite3.connect(tmp_path / "mlflow.db") as store:
        for table, column in MOVED.items():
            store.execute(
                f"update {table} set {column} = replace({column}, ?, ?)", (WAS, f"{tmp_path}")
            )
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def clips(old) -> dict[str, object]:
    """Waveforms by file name."""
    return {path.name: soundfile.read(path)[0] for path in sorted((old / "corpus/wav").iterdir())}


def read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def check_predictions(found: str, wanted: str) -> None:
    """The same clips with the same probabilities, but for the last digit."""
    rows, old_rows = read(found), read(wanted)
    assert [row["file_name"] for row in rows] == [row["file_name"] for row in old_rows]
    for name in ("prob_clear", "prob_mask"):
        values = [float(row[name]) for row in rows]
        assert values == pytest.approx([float(row[name]) for row in old_rows], abs=1e-4)


def test_status_and_leaderboard_are_the_same(old, spectune):
    code, found, said = spectune("status", "study.yaml", "--json")
    assert code == 0, said
    wanted = json.loads((old / "expected/status.json").read_text().replace(WAS, str(old)))
    assert json.loads(found).items() >= wanted.items()
    assert spectune("leaderboard", "study.yaml", "--csv", "found.csv")[0] == 0
    assert (old / "found.csv").read_text() == (old / "expected/leaderboard.csv").read_text()


def test_the_report_is_drawn_and_the_face_for_python_opens_it(old, spectune):
    assert spectune("report", "results/before")[0] == 0
    assert "mel-mono band_svm" in (old / "results/before/report.html").read_text()
    results = study.open("study.yaml")
    assert results.leaderboard()["uar"].max() == results.best.uar
    assert list(results.fusion.members["trial"]) == [0]
    assert results.fusion.honest is not None
    assert len(results.predictions("test")) == 10
    assert results.figures.history().data


def test_the_fusion_is_selected_again(old, spectune):
    path = old / "results/before/ensemble/ensemble.json"
    wanted = json.loads(path.read_text())
    code, _, said = spectune("ensemble", "study.yaml")
    assert code == 0, said
    found = json.loads(path.read_text())
    assert found["identity"] == wanted["identity"]
    assert found["members"] == wanted["members"]
    assert found["uar"] == pytest.approx(wanted["uar"])
    assert found["honest"]["nested"] == pytest.approx(wanted["honest"]["nested"])


def test_the_study_goes_on_with_what_it_would_have_tried(old, spectune):
    code, out, said = spectune("run", "study.yaml", "budget.trials=12")
    assert code == 0, out + said
    assert "goes on after 11 finished trials" in out
    found = json.loads((old / "results/before/trials/00011/spec.json").read_text())
    wanted = json.loads((old / "expected/next.json").read_text())
    known = {name: found["params"][name] for name in wanted["params"]}  # others came later
    assert known == pytest.approx(wanted["params"])
    assert (found["origin"], found["spec"]["seed"]) == (wanted["origin"], wanted["spec"]["seed"])
    with sqlite3.connect(old / "mlflow.db") as store:
        kinds = "select value from tags where key = 'spectune.kind' and value = 'trial'"
        assert len(store.execute(kinds).fetchall()) == 12
    code, out, said = spectune("reconcile", "study.yaml")
    assert code == 0, out + said


@pytest.mark.slow
def test_the_study_is_explained(old, spectune):
    code, out, said = spectune("explain", "study.yaml", "--device", "cpu")
    assert code == 0, out + said
    assert (old / "results/before/explain/explain.json").is_file()


def test_the_study_is_exported_and_becomes_the_champion_once(old, spectune):
    kind = (
        "run_uuid in (select run_uuid from tags where key = 'spectune.kind' and value = 'export')"
    )
    with sqlite3.connect(old / "mlflow.db") as store:  # as an export that was killed leaves it
        assert store.execute(f"update runs set status = 'RUNNING' where {kind}").rowcount == 1
    # The digest of version 1 was of all fields of its specs, and since then there are more.
    before = os.umask(0o077)  # for the person alone
    for how in ("registered: models:", "already registered: models:"):
        code, out, said = spectune("export", "study.yaml", "-o", "again #1%41?")
        assert code == 0, out + said
        assert f"{how}/before@champion (version 2)" in out
    os.umask(before)
    code = {path.stat().st_mode & 0o777 for path in old.glob("mlartifacts/**/registry_model.py")}
    assert code == {0o600}
    code, out, said = spectune("predict", "again #1%41?", "corpus/wav", "--device", "cpu")
    assert code == 0, said
    check_predictions(out, (old / "expected/bundle.csv").read_text())
    with sqlite3.connect(old / "mlflow.db") as store:
        found = store.execute(f"select status from runs where {kind} order by start_time")
        assert found.fetchall() == [("KILLED",), ("FINISHED",)]


def test_a_folder_that_was_moved_since_goes_on_in_its_new_place(tmp_path, monkeypatch, spectune):
    with tarfile.open(FILE) as archive:
        archive.extractall(tmp_path, filter="data")  # which still says that it lies where it was
    monkeypatch.chdir(tmp_path / "corpus")
    for words in (("check",), ("ensemble", "ensemble.method=greedy"), ("export", "-o", "again")):
        code, out, said = spectune(words[0], tmp_path / "results/before", *words[1:])
        assert (code, "left out" in out + said) == (0, False), out + said
    assert "registered: models:/before@champion" in out
    assert not Path(WAS).exists()
    assert all(Path(path).is_dir() for path in artifacts(tmp_path))


def artifacts(folder: Path) -> list[str]:
    """Where the store says that the files of the fusions are."""
    with sqlite3.connect(folder / "mlflow.db") as store:
        of_kind = "select artifact_uri from runs join tags using (run_uuid) where key = ?"
        return [uri for (uri,) in store.execute(of_kind, ("spectune.fusion",))]


def test_its_refit_is_submitted_and_scored(old, spectune):
    for words in (["submit", "study.yaml"], ["score", "study.yaml", "corpus/lab/test_labels.csv"]):
        code, out, said = spectune(*words)
        assert code == 0, out + said
    assert study.open("study.yaml").figures.test_1().data


@pytest.mark.parametrize("name", ["bundle", "bundle-network"])
def test_a_bundle_gives_the_numbers_that_it_gave(old, spectune, name):
    code, out, said = spectune("predict", name, "corpus/wav", "--device", "cpu")
    assert code == 0, said
    check_predictions(out, (old / f"expected/{name}.csv").read_text())


def test_a_registered_model_loads_with_the_code_that_was_copied_then(old, clips):
    model = mlflow.pyfunc.load_model(next((old / "mlartifacts").glob("*/*/artifacts/model")))
    found = model.predict(
        pd.DataFrame({"waveform": list(clips.values()), "sampling_rate": [8000] * len(clips)})
    )
    found.insert(0, "file_name", list(clips))
    check_predictions(found.to_csv(), (old / "expected/bundle.csv").read_text())


def test_a_simulated_corpus_counts_as_the_same(old):
    before = {path: path.read_bytes() for path in old.rglob("*/corpus.json")}
    made = {"n_speakers": 6, "clips_per_speaker": 5, "sampling_rate": 8000, "mask_strength": 4.0}
    assert make_synthetic(old / "corpus", **made) == old / "corpus"
    assert simulate_masks(old / "corpus", old / "masks") == old / "masks"
    assert len(before) == 2
    assert all(path.read_bytes() == there for path, there in before.items())

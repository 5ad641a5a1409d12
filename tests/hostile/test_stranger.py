"""A stranger's results folder runs, chooses and sends nothing: what `docs/security.md` promises."""

from __future__ import annotations

import json
import shutil
import sqlite3
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import yaml

from study.tracking.writer_thread import StoreThread
from support.tiny_space import TINY_SPACE

ALONE = [
    ("check",), ("explain",), ("refit",), ("trial", "0"), ("reconcile",), ("run",),
    ("run", "budget.trials=9"),
]  # fmt: skip
PROGRAM = "open({!r}, 'w')\ndef load(folder):\n    return []\n"


def change_yaml(path: Path, **changes: object) -> None:
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | changes, sort_keys=False))


def change_json(path: Path, **changes: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def kinds(database: Path) -> list[tuple[str, str, str]]:
    """Kind, study and run of all runs of a store."""
    rows = sqlite3.connect(database).execute(
        "select k.value, s.value, k.run_uuid from tags k join tags s using (run_uuid)"
        " where k.key = 'spectune.kind' and s.key = 'spectune.study_id'"
    )
    return sorted(rows.fetchall())


@pytest.fixture
def mine(tmp_path, monkeypatch) -> Path:
    """The folder in which the person types, which holds no study."""
    folder = tmp_path / "mine"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def stranger(tracked, mine, tmp_path) -> Path:
    """The results of somebody's study, alone."""
    return Path(shutil.copytree(tracked, tmp_path / "from" / "elsewhere" / "tiny"))


@pytest.fixture
def listener() -> Iterator[tuple[str, list[bytes]]]:
    """A server's address, and what it was sent."""
    got: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            got.append(str(self.headers).encode())
            self.send_error(404)

        do_POST = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", got
    server.shutdown()


def bring_program(folder: Path) -> Path:
    """Put a program into a results folder and name it in all ways; return what it would make."""
    ran = folder.parent / "CODE_RAN"
    (folder / "load.py").write_text(PROGRAM.format(str(ran)))
    change_yaml(folder / "study.yaml", layout="load.py:load", results="..")
    change_json(folder / "state.json", base=".", project=".")
    return ran


@pytest.mark.parametrize("words", ALONE, ids=" ".join)
def test_a_results_folder_runs_no_program(stranger, spectune, words):
    ran = bring_program(stranger)
    before = files(stranger)
    code, out, said = spectune(words[0], stranger, *words[1:])
    assert code == 2, out + said
    assert "may not say what is read or run" in said
    assert "layout" in said
    assert f"read {stranger / 'study.yaml'}, copy it to" in said
    assert not ran.exists()
    assert files(stranger) == before


def test_nor_does_one_that_brings_a_whole_project_and_an_export_that_must_train(
    stranger, spectune, tmp_path
):
    ran = bring_program(stranger)
    shutil.copy(stranger / "study.yaml", stranger / "mine.yaml")
    shutil.copy(stranger / "study.yaml", stranger.parents[1] / "study.yaml")
    change_yaml(stranger.parents[1] / "study.yaml", results="elsewhere")
    shutil.copy(stranger / "load.py", stranger.parents[1])
    for weights in stranger.glob("trials/*/attempt-*/model.safetensors"):
        weights.unlink()
    for words in (("check", stranger), ("export", stranger, "-o", tmp_path / "bundle")):
        code, out, said = spectune(*words)
        assert (code, "name your own study.yaml" in said) == (2, True), out + said
    assert not ran.exists()
    assert not (tmp_path / "bundle").exists()
    code, out, said = spectune("check", stranger.parents[1] / "study.yaml")
    assert ran.exists()  # which the person has named


@pytest.mark.parametrize(
    "change",
    [
        {"corpus": "/etc"},
        {"partitions": "/etc/passwd"},
        {"space": "/etc/passwd"},
        {"from": "/etc"},
        {"storage": "postgresql://me@127.0.0.1:9/x"},
        {"layout": "/etc/passwd:x"},
        {"space": TINY_SPACE | {"backbone": {"test_resnet": {"pretrained": "/etc/x.safetensors"}}}},
    ],
    ids=str,
)
def test_no_path_and_no_address_of_a_results_folder_counts(tracked_copy, spectune, change):
    """Also where the folder lies among the person's own results."""
    assert spectune("check", tracked_copy)[0] in (0, 1)
    change_yaml(tracked_copy / "study.yaml", **change)
    for command in ("check", "run"):
        code, _, said = spectune(command, tracked_copy)
        assert code == 2
        assert "may not say what is read or run" in said
        assert next(iter(change)) in said


def test_what_the_person_says_counts(tracked_copy, spectune, tmp_path, monkeypatch):
    """In the study.yaml of the project, wherever it is typed, and on the command line."""
    monkeypatch.chdir("/")
    assert spectune("check", tracked_copy)[0] in (0, 1)
    assert spectune("trial", tracked_copy, "99")[2].endswith("there is no trial 99\n")
    change_yaml(tracked_copy / "study.yaml", storage="foo")
    code, _, said = spectune("run", tracked_copy, "storage=foo")
    assert (code, "storage: must be the address" in said) == (2, True), said
    renamed = tracked_copy.rename(tracked_copy.with_name("tiny-0"))  # `run study.yaml name=tiny-0`
    change_yaml(renamed / "study.yaml", name="tiny-0", storage=None)
    assert spectune("check", renamed)[0] in (0, 1)
    change_yaml(tmp_path / "study.yaml", results=".")
    code, _, said = spectune("check", renamed.rename(tmp_path / "tiny-0"))
    assert code in (0, 1), said
    (tmp_path / "tiny-0").rename(renamed)
    (tmp_path / "study.yaml").unlink()
    assert spectune("check", renamed)[0] == 2
    monkeypatch.chdir(tmp_path)
    shutil.copy(renamed / "study.yaml", "copied.yaml")  # as the sentence says
    assert spectune("check", "copied.yaml")[0] in (0, 1)


def test_weights_and_trainings_are_files_of_the_study_or_named_by_its_space(
    tracked_copy, spectune, tmp_path
):
    path = tracked_copy / "trials" / "00001" / "spec.json"
    spec = json.loads(path.read_text())["spec"]
    spec["backbone"] = {"kind": "test_resnet", "pretrained": "/etc/x.safetensors"}
    change_json(path, spec=spec)
    code, _, said = spectune("trial", tracked_copy, "1")
    assert code == 2
    assert "/etc/x.safetensors, which the space of study.yaml does not name" in said
    member = json.loads((tracked_copy / "ensemble/ensemble.json").read_text())["members"][0]
    members = [
        {"trial": member["trial"], "weight": member["weight"], "trainings": ["../../../x/seed-0"]}
    ]
    (tracked_copy / "refit").mkdir()
    refit = {"format": 1, "members": members, "imported": [], "rule": None}
    (tracked_copy / "refit/refit.json").write_text(json.dumps(refit))
    code, _, said = spectune("export", tracked_copy, "-o", tmp_path / "bundle")
    assert (code, "a training is no folder of the refit" in said) == (2, True)


@pytest.mark.parametrize("command", ["ensemble", "score", "export", "ui"])
def test_credentials_go_nowhere(stranger, spectune, listener, monkeypatch, synthetic, command):
    address, got = listener
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "secret-of-mine")
    noted = json.loads((stranger / "state.json").read_text())["mlflow"]
    change_json(stranger / "state.json", mlflow=noted | {"tracking_uri": address})
    words = {"score": [synthetic / "lab/test_labels.csv"], "export": ["-o", "b"]}
    code, out, said = spectune(command, stranger, *words.get(command, []))
    assert code == (2 if command == "ui" else 0), said
    assert f"MLflow is left out: the results folder alone says where its runs are, {address}" in (
        out + said
    )
    assert "MLFLOW_TRACKING_URI names a store" in out + said
    assert got == []


@pytest.mark.parametrize("mlflow", [{}, {"experiment_id": None}])
def test_the_store_of_a_study_that_notes_no_experiment_is_shown(
    tracked_copy, spectune, monkeypatch, mlflow
):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    change_json(tracked_copy / "state.json", mlflow=mlflow)
    assert spectune("ui", tracked_copy)[:2] == (0, "MLflow: http://127.0.0.1:9\n")


PLACES = [
    "sqlite:///{}/mine.db", "sqlite:///{}/new.db", "sqlite:///../mine.db", "sqlite:///mine.db",
    "sqlite:///%00", "postgresql://me@127.0.0.1:9/x", "file:///{}/x", ":", "sqlite:",
]  # fmt: skip


@pytest.mark.parametrize("uri", PLACES)
def test_a_results_folder_chooses_no_store(stranger, spectune, mine, uri):
    with sqlite3.connect(mine / "mine.db") as database:
        database.execute("create table mine(x)")
    noted = {"tracking_uri": uri.format(mine), "artifact_root": f"{mine}/artifacts"}
    change_json(stranger / "state.json", base=str(mine), project="../../../mine", mlflow=noted)
    before = files(mine)
    code, out, said = spectune("ensemble", stranger)
    assert code in (0, 2), out + said
    assert "MLflow is left out" in said or "is that of another program" in said
    assert files(mine) == before


def test_the_environments_store_wins(tracked_copy, spectune, monkeypatch, tmp_path, empty_database):
    shutil.copy(empty_database, tmp_path / "other.db")
    before = kinds(tmp_path / "mlflow.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///other.db")
    code, out, said = spectune("export", tracked_copy, "-o", "bundle")
    assert (code, "the study's run is not there" in out) == (0, True), out + said
    assert spectune("ensemble", tracked_copy, "ensemble.method=greedy")[0] == 0
    assert kinds(tmp_path / "mlflow.db") == before
    assert {kind for kind, *_ in kinds(tmp_path / "other.db")} == {"study", "fusion"}


@pytest.mark.parametrize("command", ["run", "reconcile", "ensemble"])
@pytest.mark.parametrize("named", [True, False])
def test_a_database_that_is_not_mlflows_is_never_written(
    tracked_copy, spectune, monkeypatch, tmp_path, command, named
):
    path = tmp_path / ("mine.db" if named else "mlflow.db")
    path.unlink(missing_ok=True)
    with sqlite3.connect(path) as database:
        database.execute("create table mine(x)")
    if named:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{path}")
    before = path.read_bytes()
    code, _, said = spectune(command, tmp_path / "study.yaml")
    assert code == 2
    assert f"{path}: must be MLflow's database, and is that of another program" in said
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.glob("*.db*")].count(path.name) == 1


@pytest.mark.parametrize("noted", ["project", "base", "address", "other.db"])
def test_a_strangers_study_where_one_types_is_not_added_to_ones_own_store(
    tracked, spectune, tmp_path, monkeypatch, noted
):
    base = tracked.parents[1]
    shutil.copytree(base / "mlartifacts", tmp_path / "mlartifacts")
    own = shutil.copy(base / "mlflow.db", tmp_path / ("other.db" if "." in noted else "mlflow.db"))
    stranger = shutil.copytree(tracked, tmp_path / "downloads" / "tiny")
    said = json.loads((stranger / "state.json").read_text())["mlflow"] | {"run_id": "f" * 32}
    if noted == "address":
        said["tracking_uri"] = f"sqlite:///{own}"
    elif "." in noted:
        said["tracking_uri"] = "sqlite:///other.db"
    here = {"base": str(tmp_path)} if noted == "base" else {"project": "../.."}
    where = {"project": "/nowhere"} if noted == "address" else here
    change_json(stranger / "state.json", id="e" * 32, mlflow=said, **where)
    monkeypatch.chdir(tmp_path)
    before = Path(own).read_bytes()
    for words in (
        ["ensemble", stranger, "ensemble.method=greedy"],
        ["export", stranger, "-o", "b"],
    ):
        code, out, err = spectune(*words)
        assert (code, "MLflow is left out" in out + err) == (0, True)
    assert Path(own).read_bytes() == before


def test_in_the_projects_store_artifacts_stay_in_the_project(tracked_copy, spectune, tmp_path):
    out_of = tmp_path.parent / f"{tmp_path.name}-victim"
    with sqlite3.connect(tmp_path / "mlflow.db") as database:
        database.execute("update experiments set artifact_location = ?", (f"{out_of}/1",))
        database.execute("update runs set artifact_uri = ? || '/' || run_uuid", (str(out_of),))
    shutil.rmtree(tmp_path / "mlartifacts")
    code, _, said = spectune("ensemble", tracked_copy, "ensemble.method=greedy")
    assert code == 0
    assert said.count("not tracked, artifacts: the store says that they go to") == 1
    assert not out_of.exists()


@pytest.mark.parametrize(
    "name", ["ensemble", ".state.json.part", "trials/00000/attempt-1", "trials/00000/i.png"]
)
def test_nothing_is_read_or_written_through_a_link(stranger, spectune, mine, name):
    victim = mine / "victim"
    victim.mkdir() if "." not in name else victim.write_text("mine")
    path = stranger / name
    shutil.rmtree(path, ignore_errors=True)
    path.symlink_to(victim)
    before = (stranger / "report.html").read_bytes() if (stranger / "report.html").exists() else b""
    for command in ("ensemble", "report"):
        code, _, said = spectune(command, stranger)
        assert code == 2, said
    assert "must hold no link out of it" in said or "attempt-1" in name
    assert files(mine) == ({"victim": b"mine"} if victim.is_file() else {})
    assert not before or (stranger / "report.html").read_bytes() == before


def test_a_copy_of_a_project_writes_into_its_own_store(tracked, spectune, tmp_path, monkeypatch):
    original = tracked.parents[1]
    before = files(original)
    monkeypatch.chdir(shutil.copytree(original, tmp_path / "copy"))
    noted = json.loads(Path("results/tiny/state.json").read_text())
    assert spectune("ensemble", "results/tiny", "ensemble.method=greedy")[0] == 0
    assert spectune("run", "study.yaml", "budget.trials=4", "ensemble.method=greedy")[0] == 0
    state = json.loads(Path("results/tiny/state.json").read_text())
    assert state["id"] != noted["id"] == state["copy_of"]["id"]
    assert state["mlflow"]["run_id"] == noted["mlflow"]["run_id"]
    found = [kind for kind, *_ in kinds(Path("mlflow.db"))]
    assert (found.count("trial"), found.count("study"), found.count("fusion")) == (4, 1, 3)
    assert {study for kind, study, _ in kinds(Path("mlflow.db")) if kind == "study"} == {
        state["id"]
    }
    assert files(original) == before


def test_a_project_that_was_moved_goes_on_in_its_new_place(
    tracked, tracked_copy, spectune, tmp_path, monkeypatch
):
    noted = json.loads((tracked_copy / "state.json").read_text())
    there = tmp_path / "new" / "place"
    there.mkdir(parents=True)
    for name in ("study.yaml", "results", "mlflow.db", "mlartifacts"):
        (tmp_path / name).rename(there / name)
    before = files(tracked.parents[1])
    monkeypatch.chdir(there)
    assert spectune("run", "study.yaml", "budget.trials=4")[0] == 0
    state = json.loads(Path("results/tiny/state.json").read_text())
    assert (state["id"], state["mlflow"]["run_id"]) == (noted["id"], noted["mlflow"]["run_id"])
    assert [kind for kind, *_ in kinds(Path("mlflow.db"))].count("trial") == 4
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new"]
    assert files(tracked.parents[1]) == before


def test_results_that_lie_elsewhere_behind_a_link_are_no_copy_of_themselves(
    tracked_copy, spectune, tmp_path
):
    noted = json.loads((tracked_copy / "state.json").read_text())["id"]
    (tmp_path / "results").rename(tmp_path / "large-disk")
    (tmp_path / "results").symlink_to("large-disk")
    before = kinds(tmp_path / "mlflow.db")
    assert spectune("reconcile", "study.yaml")[0] == 0
    assert json.loads((tracked_copy / "state.json").read_text())["id"] == noted
    assert kinds(tmp_path / "mlflow.db") == before


def test_a_copy_has_runs_of_its_own_in_a_shared_store(
    tracked, spectune, tmp_path, monkeypatch, empty_database
):
    shared = Path(shutil.copy(empty_database, tmp_path / "shared.db"))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{shared}")
    first = Path(shutil.copytree(tracked.parents[1], tmp_path / "first"))
    assert spectune("run", first / "study.yaml")[0] == 0
    before = kinds(shared)
    second = Path(shutil.copytree(first, tmp_path / "second"))
    code, _, said = spectune("ensemble", second / "results/tiny")
    assert (code, f"is a copy of {first / 'results/tiny'}" in said) == (0, True)
    assert kinds(shared) == before
    assert spectune("reconcile", second / "study.yaml")[0] == 0
    assert [row for row in kinds(shared) if row[1] == before[0][1]] == before
    assert len(kinds(shared)) == 2 * len(before)
    assert spectune("run", first / "study.yaml")[0] == 0  # which is none of it
    assert len(kinds(shared)) == 2 * len(before)


def test_a_store_that_is_away_stops_no_study(tracked_copy, spectune, monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/file/mlflow.db")
    patience, close = 1.0, StoreThread.close
    monkeypatch.setattr(StoreThread, "close", lambda self, _: close(self, patience))
    code, out, said = spectune("run", tmp_path / "study.yaml", "budget.trials=4")
    assert code == 0, out + said
    assert said.count("tracking store away") == 1
    assert "`spectune reconcile` makes up for them" in said
    assert (tracked_copy / "trials/00003/result.json").exists()
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    patience = 100.0
    assert spectune("reconcile", tmp_path / "study.yaml")[0] == 0
    assert [kind for kind, *_ in kinds(tmp_path / "mlflow.db")].count("trial") == 4

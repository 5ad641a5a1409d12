"""A finished tiny study and what is made of it, run once for all; an empty store of MLflow."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
from finished_study import config_of, copy_study, make_study

from study.cli import main
from study.corpus import Corpus, read_corpus
from study.export import export_bundle
from study.refit import refit_study
from study.results import read_results
from study.tracking_store import TrackingStore, initialise, open_client, resolve_tracking


@pytest.fixture(scope="session")
def truth(synthetic) -> Corpus:
    """The simulated corpus as it is read."""
    return read_corpus(synthetic)


@pytest.fixture(scope="session")
def finished(synthetic, tmp_path_factory) -> Path:
    """The results folder of a study of four trials; tests copy it before they change it."""
    return make_study(synthetic, tmp_path_factory.mktemp("finished"))


@pytest.fixture(scope="session")
def refitted(finished, synthetic, tmp_path_factory) -> Path:
    """A copy of it whose fusion was refitted."""
    folder = copy_study(finished, tmp_path_factory.mktemp("refitted") / "base")
    said: list[str] = []
    code = refit_study(config_of(synthetic), base=folder.parent.parent, echo=said.append)
    assert code == 0, said
    return folder


@pytest.fixture(scope="session")
def bundles(refitted, tmp_path_factory) -> dict[str, Path]:
    """Its bundles by protocol; tests copy one before they change it."""
    base = tmp_path_factory.mktemp("bundles")
    results = read_results(refitted)
    return {
        protocol: export_bundle(results, base / protocol, protocol=protocol, plan=None, echo=str)
        for protocol in ("train", "train+devel")
    }


@pytest.fixture(scope="session")
def tracked(synthetic, tmp_path_factory) -> Path:
    """The results folder of a study of three trials in MLflow; its store lies two folders up."""
    base = tmp_path_factory.mktemp("tracked")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(base)
        return make_study(synthetic, base, tracking=True, budget={"trials": 3})


@pytest.fixture
def tracked_copy(tracked, tmp_path, monkeypatch) -> Path:
    """A copy of it with a store of its own, for a test that changes them."""
    folder = copy_study(tracked, tmp_path)
    state = folder / "state.json"
    state.write_text(state.read_text().replace(str(tracked.parent.parent), str(tmp_path)))
    monkeypatch.chdir(tmp_path)
    return folder


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory) -> Path:
    """An empty database of MLflow, which takes seconds to make."""
    store = resolve_tracking(tmp_path_factory.mktemp("empty"), {})
    initialise(store)
    return Path(store.artifact_root).parent / "mlflow.db"


@pytest.fixture
def store(empty_database, tmp_path) -> TrackingStore:
    """A store of MLflow with nothing in it."""
    shutil.copy(empty_database, tmp_path / "mlflow.db")
    return resolve_tracking(tmp_path, {})


@pytest.fixture
def client(store):
    """What reads it as MLflow's own page would."""
    return open_client(store)


@pytest.fixture
def spectune(monkeypatch, capsys):
    """Type a command; returns its exit code, output and errors."""

    def type_(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["spectune", *map(str, words)])
        code = 0
        try:
            main()
        except SystemExit as end:
            code = int(end.code or 0)
        said = capsys.readouterr()
        return code, said.out, said.err

    return type_

"""A simulated corpus, and studies of it that are run or made up once for all tests."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from study.bundle.export import export_bundle
from study.challenge.refit import refit_study
from study.cli import main
from study.corpus.simulated.formant_corpus import make_synthetic
from study.results import read_results
from study.tracking.store import initialise, resolve_tracking
from support.fake_results import write_results
from support.finished_study import config_of, copy_study, make_study
from support.warm_workers import WarmEngine

# How long an example takes says how busy the machine is.
settings.register_profile("tests", deadline=None)
settings.load_profile("tests")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest, so that two processes end together."""
    items.sort(key=lambda item: "whole" not in item.path.parts)


@pytest.fixture(scope="session")
def synthetic(tmp_path_factory) -> Path:
    """A corpus of 8 speakers x 12 clips."""
    folder = tmp_path_factory.mktemp("corpora") / "synthetic"
    return make_synthetic(folder, n_speakers=8, clips_per_speaker=12, sampling_rate=8000)


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory):
    """Keep the corpus cache and MLflow's store of tests out of the person's folders."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPECTUNE_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        yield


@pytest.fixture(scope="session", autouse=True)
def _warm_workers():
    """Let studies in this process go on with the workers of the last one."""
    with pytest.MonkeyPatch.context() as patch:
        for module in ("retrain", "single_trial"):
            patch.setattr(f"study.search.{module}.LocalEngine", WarmEngine)
        yield
    WarmEngine.end()


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
def empty_database(tmp_path_factory) -> Path:
    """An empty database of MLflow, which takes seconds to make."""
    store = resolve_tracking(tmp_path_factory.mktemp("empty"), {})
    initialise(store)
    return Path(store.artifact_root).parent / "mlflow.db"


@pytest.fixture(scope="session")
def tracked(synthetic, empty_database, tmp_path_factory) -> Path:
    """The results folder of a study of three trials in MLflow; its store lies two folders up."""
    base = tmp_path_factory.mktemp("tracked")
    shutil.copy(empty_database, base)
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


@pytest.fixture
def fake_study(tmp_path: Path) -> Callable[..., Path]:
    """Write a made-up results folder; keywords as in `write_results`."""

    def make(**options: Any) -> Path:
        return write_results(tmp_path / "study", **options)

    return make


@pytest.fixture(scope="session")
def thirty_trials(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A made-up study of 30 trials; not to be changed."""
    return write_results(tmp_path_factory.mktemp("results") / "thirty")

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fake_results import write_results


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


@pytest.fixture(scope="session")
def planted_numbers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What is found of a linear machine on a corpus with a planted cue; not to be changed."""
    from planted import CPU, explained_inputs, planted_corpus

    from reports.explain.analysis import explain

    folder = tmp_path_factory.mktemp("planted")
    machine = {"kind": "band_svm"}
    inputs = explained_inputs(planted_corpus(folder / "corpus"), folder, machine)
    return explain(inputs, CPU, n_clips=48)

"""What is found of a linear machine, computed once for all tests."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture(scope="session")
def planted_numbers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What is found of a linear machine on a corpus with a planted cue; not to be changed."""
    from reports.explain.analysis import explain
    from support.planted import CPU, explained_inputs, planted_corpus

    folder = tmp_path_factory.mktemp("planted")
    machine = {"kind": "band_svm"}
    inputs = explained_inputs(planted_corpus(folder / "corpus"), folder, machine)
    return explain(inputs, CPU, n_clips=48)

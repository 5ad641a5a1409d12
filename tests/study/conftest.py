"""A finished tiny study and its refit, run once for all tests of what comes after a study."""

from __future__ import annotations

from pathlib import Path

import pytest
from finished_study import config_of, copy_study, make_study

from study.refit import refit_study


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

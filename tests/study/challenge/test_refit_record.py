"""What refit.json says of a refit, and what is said where it cannot be read."""

from __future__ import annotations

import shutil

import pytest

from search_spaces import InputError
from study.challenge.refit_record import default_protocol
from study.results import read_results
from support.finished_study import copy_study


def test_a_damaged_refit_is_told_and_not_passed_over(refitted, tmp_path):
    folder = copy_study(refitted, tmp_path / "base")
    assert default_protocol(read_results(folder)) == "train+devel"
    (folder / "refit" / "refit.json").write_text("{")
    with pytest.raises(InputError, match="cannot be read"):
        default_protocol(read_results(folder))
    shutil.rmtree(folder / "refit")
    assert default_protocol(read_results(folder)) == "train"

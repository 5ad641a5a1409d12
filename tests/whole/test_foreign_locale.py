"""A whole study where nothing speaks UTF-8, nobody reads what it says and no disk takes it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from support.tiny_space import TINY_SPACE

# ASCII, and Python is told not to make UTF-8 of it; a command would begin again in UTF-8, a call
# from Python cannot.
ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
CALL = "import json, study, sys; study.run(json.loads(sys.argv[1])); print(sys.flags.utf8_mode)"


@pytest.mark.parametrize("tracking", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_a_study_ends_in_any_locale_though_its_reader_leaves_and_its_log_is_full(
    synthetic, tmp_path, request, tracking
):
    shutil.copytree(synthetic, tmp_path / "corpus")
    if tracking:
        shutil.copy(request.getfixturevalue("empty_database"), tmp_path)
    labels = tmp_path / "corpus/lab/labels.csv"
    labels.write_text(labels.read_text("utf-8").replace(",mask", ",нуль"), "utf-8")
    space = {**TINY_SPACE, "backbone": "band_svm"}
    plain = {"name": "s", "corpus": "corpus", "space": space, "budget": {"trials": 1}}
    plain |= {"tracking": tracking}
    with Path("/dev/full").open("w") as full:
        process = subprocess.Popen(
            [sys.executable, "-c", CALL, json.dumps(plain)],
            cwd=tmp_path, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=full,
            env={**os.environ, **ASCII},
        )  # fmt: skip
    with process:
        assert process.stdout is not None
        said = b"".join(process.stdout.readline() for _ in range(3))
        process.stdout.close()  # as `| head -3` does
        assert process.wait(200) == 0
    assert b"clear, \\u043d\\u0443\\u043b\\u044c: 2 classes" in said
    folder = tmp_path / "results/s"
    assert "prob_нуль" in (folder / "ensemble/predictions_devel.csv").read_text("utf-8")
    assert "нуль" in (folder / "report.html").read_text("utf-8")
    assert "finished" in (folder / "state.json").read_text("utf-8")

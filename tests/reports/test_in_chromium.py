import os
import re
import subprocess

import pytest

from reports import write_report
from support.quiet_chromium import CHROMIUM, QUIET

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
]


@pytest.mark.parametrize("width", [pytest.param(500, marks=pytest.mark.slow), 1280])
@pytest.mark.parametrize(
    ("options", "n_figures"),
    [
        ({}, 12),
        ({"classes": ("<script>alert(1)</script>", "</script><img src=x onerror=alert(2)>")}, 12),
        ({"n_trials": 0}, 0),
        ({"n_trials": 1, "running": False}, 8),
    ],
)
def test_the_page_draws_every_figure_without_a_word_on_the_console(
    fake_study, tmp_path, options, n_figures, width
):
    report = write_report(fake_study(**options))
    command = [
        CHROMIUM,
        *QUIET,
        f"--user-data-dir={tmp_path / 'profile'}",
        f"--window-size={width},900",
        "--virtual-time-budget=20000",
        "--dump-dom",
        report.as_uri(),
    ]
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment)
    assert done.returncode == 0, done.stderr
    assert [line for line in done.stderr.splitlines() if "CONSOLE" in line] == []
    drawn = re.search(r'<html[^>]*data-drawn="(\d+)"', done.stdout)
    assert drawn, "the page's script did not come to its end"
    assert int(drawn[1]) == n_figures
    assert done.stdout.count("js-plotly-plot") >= n_figures

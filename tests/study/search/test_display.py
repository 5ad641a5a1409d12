"""What a person sees while a study runs."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from study.search.display import LineProgress, LiveProgress


def result(
    number: int, state: str = "complete", uar: float | None = 0.7, reason=None, family="resnet"
) -> dict:
    name = "mel-mono test_resnet"
    return {
        "number": number, "state": state, "uar": uar, "name": name, "reason": reason,
        "family": family,
    }  # fmt: skip


def test_lines_tell_each_trial_the_best_and_the_time_left():
    out = io.StringIO()
    progress = LineProgress(out=out)
    progress.begin([result(0, uar=0.61)], 4)
    progress.trial_started(1, "mel-mono test_resnet", 0)
    progress.trial_finished(result(1, uar=0.7312))
    progress.trial_finished(result(2, "failed", None, "loss is nan in epoch 1"))
    first, second = out.getvalue().splitlines()
    assert first.startswith("trial 001 mel-mono test_resnet: complete, 73.1 % | 2/4 trials")
    assert re.search(r"best 73.1 % \(001 mel-mono test_resnet\), [\d,]+ trials/h, about", first)
    assert "nan in epoch 1 | 3/4 trials, 2 complete, 1 failed, best 73.1 %" in second


def test_the_best_of_an_earlier_session_stays_the_best():
    progress = LineProgress(out=io.StringIO())
    progress.begin([result(0, uar=0.9)], 4)
    progress.trial_finished(result(1, uar=0.7))
    assert "best 90.0 % (000" in progress.summary()


def test_rate_and_time_left_are_those_of_this_session(monkeypatch):
    progress = LineProgress(out=io.StringIO())
    progress.begin([result(0), result(1, "pruned")], 12)
    assert progress.rate is None
    assert progress.summary().startswith("2/12 trials, 1 complete, 1 pruned, best")
    now = progress.started + 600.0
    monkeypatch.setattr("study.search.display.time.monotonic", lambda: now)
    for number in range(2, 7):
        progress.trial_finished(result(number))
    assert progress.summary().endswith("30 trials/h, about 10 min 0 s left")


def test_running_epochs_count_and_linear_machines_do_not(monkeypatch):
    progress = LineProgress(out=io.StringIO())
    progress.begin([], 50)
    monkeypatch.setattr("study.search.display.time.monotonic", lambda: progress.started + 6.0)
    progress.trial_finished(result(0, family="band_svm"))  # 600 an hour
    assert "trials/h" not in progress.summary()
    progress.trial_started(1, "mel-mono resnet18", 0, 10)
    progress.trial_started(2, "mel-mono resnet18", 1, 10)
    progress.epoch({"number": 1, "epoch": 1, "epochs": 10, "devel_uar": 0.5})
    progress.epoch({"number": 2, "epoch": 8, "epochs": 10, "devel_uar": 0.5})  # 7 of a checkpoint
    monkeypatch.setattr("study.search.display.time.monotonic", lambda: progress.started + 720.0)
    assert progress.rate == pytest.approx(1)  # two tenths in a fifth of an hour
    assert progress.summary().endswith("1 trials/h, about 48 h 6 min left")


def test_a_budget_in_hours_counts_all_sessions():
    progress = LineProgress(hours=1.0, out=io.StringIO())
    progress.begin([], None)
    progress.tick(3000.0)
    assert progress.summary() == "0 trials, about 10 min 0 s left"


def test_the_last_line_promises_no_time_that_is_left():
    progress = LineProgress(out=io.StringIO())
    progress.begin([], 1)
    progress.trial_finished(result(0))
    assert progress.summary().endswith("trials/h")
    progress = LineProgress(hours=1.0, out=io.StringIO())
    progress.begin([], None)
    progress.tick(3700.0)
    assert progress.summary() == "0 trials"


def test_the_live_display_leaves_a_line_for_each_finished_trial():
    console = Console(file=io.StringIO(), force_terminal=True, width=100)
    progress = LiveProgress(console)
    progress.begin([], 2)
    progress.trial_finished(result(0, uar=0.7312))
    progress.trial_finished(result(1, "failed", None, "loss is nan in epoch 1"))
    progress.end()
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", console.file.getvalue())
    said = [line for line in re.split(r"[\r\n]+", plain) if line.startswith("trial 0")]
    assert said == [
        "trial 000 mel-mono test_resnet: complete, 73.1 %",
        "trial 001 mel-mono test_resnet: failed, loss is nan in epoch 1",
    ]


def test_the_live_display_shows_the_running_epoch_and_names_that_look_like_markup():
    console = Console(file=io.StringIO(), force_terminal=True, width=100)
    progress = LiveProgress(console)
    progress.begin([], 3)
    progress.trial_started(0, "mel-mono [red]net[/red]", 0, 8)
    progress.trial_started(1, "band_svm", 1)
    console.print(progress._render())
    assert "0/8" in console.file.getvalue()
    assert "/?" not in console.file.getvalue()
    progress.epoch({"number": 0, "epoch": 2, "epochs": 8, "devel_uar": 0.5})
    console.print(progress._render())
    progress.end()
    text = console.file.getvalue()
    assert "2/8" in text
    assert "50.0 %" in text
    assert "[red]net[/red]" in text

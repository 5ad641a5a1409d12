"""What `spectune status` says of a study that runs, that is worked on, and that is at rest."""

from __future__ import annotations

import json
import time

import pytest

from reports.summary import summary
from study.files import write_json
from study.results import StudyLock, read_results
from study.results.leaderboard import leaderboard
from study.results.lock import holder
from study.results.status import status_lines, status_of
from support.finished_study import copy_study


@pytest.fixture
def running(finished, tmp_path):
    """A study with three finished networks, two of them of this session, and one that begins."""
    folder = copy_study(finished, tmp_path / "base")
    (folder / "trials" / "00003" / "result.json").unlink()
    events(folder, 3, epochs=0)
    for trial, ago in ((0, 3600.0), (1, 500.0), (2, 100.0)):
        events(folder, trial, epochs=2, ago=ago)
        as_backbone(folder, trial, "test_resnet")
    as_backbone(folder, 3, "test_resnet", epochs=8)
    session = {"started": time.time() - 600, "elapsed_before": 1000.0, "finished_before": 1}
    note(folder, **session, trials=6, hours=None)
    return folder


def events(folder, trial, *, epochs, ago=1.0, ended=True):
    """Write the events of a trial that began and ended so many seconds ago."""
    time_ = {"time": time.time() - ago, "attempt": 1}
    lines = [{"event": "start", "slot": 0, **time_}]
    lines += [
        {"event": "epoch", "epoch": n, "epochs": 8, "devel_uar": 0.5, **time_}
        for n in range(1, epochs + 1)
    ]
    lines += [{"event": "end", **time_}] if ended else []
    text = "\n".join(map(json.dumps, lines))
    (folder / "trials" / f"{trial:05d}" / "events.jsonl").write_text(f"{text}\n")


def as_backbone(folder, trial, backbone, *, epochs=8):
    path = folder / "trials" / f"{trial:05d}" / "spec.json"
    spec = json.loads(path.read_text())
    spec["params"]["backbone"] = backbone
    spec["spec"]["recipe"] = {"epochs": epochs}
    write_json(path, spec)


def note(folder, **session):
    state = json.loads((folder / "state.json").read_text())
    write_json(folder / "state.json", state | {"session": state["session"] | session})


def first_line(folder) -> str:
    return status_lines(status_of(folder))[0]


def test_a_running_study_has_its_rate_and_the_time_left_as_its_own_terminal(running):
    with StudyLock(running):
        found = status_of(running)
        assert found["total"] == 6
        assert found["trials_per_hour"] == pytest.approx(12, rel=0.01)
        assert found["left_s"] == pytest.approx(900, rel=0.01)
        counted = "study tiny is running: 3/6 trials, 3 complete, 1 running, 12 trials/h, about 15"
        assert first_line(running).startswith(counted)
        note(running, trials=None, hours=0.5)
        assert first_line(running).endswith(
            "3 complete, 1 running, 12 trials/h, about 3 min 20 s left"
        )


def test_epochs_of_a_running_trial_count_and_linear_machines_do_not(running):
    as_backbone(running, 1, "band_svm")
    as_backbone(running, 2, "band_svm")
    with StudyLock(running):
        assert "trials/h" not in first_line(running)
        assert status_lines(status_of(running))[-1].endswith(", epoch 0/8, -")
        events(running, 3, epochs=4, ended=False)
        found = status_of(running)
    assert found["trials_per_hour"] == pytest.approx(3, rel=0.01)  # half of one in 10 minutes
    assert found["left_s"] == pytest.approx(2.5 * 1200, rel=0.01)


def test_a_study_at_rest_has_no_rate_and_calls_what_has_not_ended_interrupted(running):
    said = "study tiny is not running: 3/6 trials, 3 complete, 1 interrupted (goes on)"
    found = status_of(running)
    assert status_lines(found)[0] == said
    assert not any(line.startswith("slot") for line in status_lines(found))
    assert (found["running"], found["trials"]["running"]) == ([], 0)
    results = read_results(running)
    assert [row["state"] for row in leaderboard(results)][3:] == ["interrupted"]
    assert dict(summary(results).facts)["trials"] == "4 (3 complete, 1 interrupted (goes on))"
    with StudyLock(running):  # a run asks when its own trials are over
        assert [row["state"] for row in leaderboard(results)][3:] == ["interrupted"]
        lease = json.loads((running / ".lock").read_text())
        (running / ".lock").write_text(json.dumps(lease | {"pid": 1}))  # of another process
        assert [row["state"] for row in leaderboard(results)][3:] == ["running"]


def test_a_study_that_another_command_works_on_is_not_running(running):
    with StudyLock(running, purpose="explain"):
        assert status_of(running)["coordinator"] is False
        at_work = "is not running, but `spectune explain` is at work on it: 3/6 trials"
        assert at_work in first_line(running)
    assert holder(running) is None


def test_a_study_of_an_earlier_version_has_a_status(running):
    state = json.loads((running / "state.json").read_text())
    del state["session"]
    write_json(running / "state.json", state)
    with StudyLock(running):
        assert first_line(running) == "study tiny is running: 3 complete, 1 running"


def test_a_finished_study_notes_what_it_was_to_do(finished):
    assert first_line(finished) == "study tiny is not running: 4/4 trials, 4 complete"


def test_a_running_trial_is_called_as_it_will_be_when_it_has_ended(finished, running):
    path = running / "trials" / "00003" / "spec.json"
    assert read_results(running).trial(3).name == read_results(finished).trial(3).name
    spec = json.loads(path.read_text())
    write_json(path, {key: value for key, value in spec.items() if key != "name"})
    assert read_results(running).trial(3).name.endswith("test_resnet")  # of an earlier version

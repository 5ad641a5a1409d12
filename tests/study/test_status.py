"""What `spectune status` says of a study that runs, that is worked on, and that is at rest."""

from __future__ import annotations

import json
import time

import pytest
from finished_study import copy_study

from study.lock import StudyLock, holder
from study.results import read_results
from study.status import status_lines, status_of
from study.whole_files import write_json


@pytest.fixture
def running(finished, tmp_path):
    """A study with three finished trials, two of them of this session, and a running one."""
    folder = copy_study(finished, tmp_path / "base")
    (folder / "trials" / "00003" / "result.json").unlink()
    session = {"started": time.time() - 600, "elapsed_before": 1000.0, "finished_before": 1}
    note(folder, **session, trials=6, hours=None)
    return folder


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


def test_a_study_at_rest_has_neither_rate_nor_time_left(running):
    assert first_line(running) == "study tiny is not running: 3/6 trials, 3 complete, 1 running"


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

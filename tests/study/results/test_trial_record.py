"""What is read of a trial's events."""

from __future__ import annotations

import json

import pytest

from study.results.trial_record import read_events

EPOCH = {"event": "epoch", "time": 5.0, "epoch": 1, "epochs": 8, "devel_uar": 0.5}


@pytest.mark.parametrize(
    "odd",
    [
        {"event": "end"},
        {"event": "start", "time": "soon"},
        {**EPOCH, "epochs": "8"},
        {**EPOCH, "epochs": 0},
        {**EPOCH, "time": None},
    ],
)
def test_an_event_that_cannot_be_computed_with_is_left_out(tmp_path, odd):
    path = tmp_path / "events.jsonl"
    path.write_text("".join(json.dumps(event) + "\n" for event in (EPOCH, odd, EPOCH)))
    assert read_events(path) == (EPOCH, EPOCH)

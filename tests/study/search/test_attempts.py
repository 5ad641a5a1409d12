"""What a kill between a trial's result and its end leaves, and that it is put right."""

from __future__ import annotations

import json

from runners.engines.engine import MAX_LOSSES
from search_spaces.spec import TrialSpec
from study.results.trial_folder import TrialFolder
from study.search.attempts import Attempts, Retry, clean_up
from study.search.display import Progress
from study.search.session import run_study
from support.finished_study import config_of, copy_study


def attempts(folder: TrialFolder) -> None:
    for n, names in ((1, ["checkpoint.safetensors", "devel.npy"]), (2, ["devel.npy", "test.npy"])):
        folder.attempt(n).mkdir(parents=True)
        for name in names:
            (folder.attempt(n) / name).write_text("x")
    folder.log({"event": "start", "attempt": 2})


def test_a_fault_is_tried_again_as_often_as_that_may_help():
    retry = Retry()
    for n in range(MAX_LOSSES):
        retry = retry.after("lost")
        assert retry == Retry(losses=n + 1)
    assert retry.after("lost") is None
    assert retry.after("memory") == Retry(accumulate=2, losses=MAX_LOSSES)
    assert Retry(accumulate=2).after("memory") is None
    assert [Retry().after(kind) for kind in ("error", "loss", "input", "storage")] == [None] * 4


def test_what_earlier_sessions_tried_counts(tmp_path):
    folder, lost = TrialFolder(tmp_path, 3), {"event": "lost", "reason": "killed"}
    trial = Attempts.begin(folder, TrialSpec(), origin="sampler", params={})
    trial.next_job(3, task=tmp_path / "task.json")
    assert trial.try_again(lost) == "killed"
    full = {"event": "failed", "kind": "memory", "reason": "no room"}
    assert trial.try_again(full) == "no room; trying half the micro-batch"
    assert trial.try_again(full) is None
    again = Attempts.begin(folder, TrialSpec(), origin="sampler", params={})
    assert again.retry == trial.retry == Retry(accumulate=2, losses=1)
    assert [e["kind"] for e in folder.events() if e["event"] == "retry"] == ["lost", "memory"]


def test_a_trial_is_cleaned_up_once(tmp_path):
    folder = TrialFolder(tmp_path, 3)
    attempts(folder)
    job = Attempts(folder, TrialSpec(), Retry(), 2).next_job(3, task=tmp_path / "task.json")
    assert job.checkpoint == str(folder.attempt(1) / "checkpoint.safetensors")
    for _ in range(2):
        clean_up(folder, {"attempt": 2, "state": "complete", "reason": None})
    assert [e["event"] for e in folder.events()] == ["start", "end"]
    assert not list(folder.attempt(1).iterdir())
    assert {p.name for p in folder.attempt(2).iterdir()} == {"devel.npy", "test.npy"}


def test_a_study_killed_right_after_a_result_cleans_up_and_does_not_run_it_again(
    finished, synthetic, tmp_path
):
    results = copy_study(finished, tmp_path / "base")
    folder = TrialFolder(results / "trials", 1)
    lines = (folder.path / "events.jsonl").read_text().splitlines(keepends=True)
    assert json.loads(lines[-1])["event"] == "end"
    (folder.path / "events.jsonl").write_text("".join(lines[:-1]))
    (folder.attempt(1) / "checkpoint.safetensors").write_text("x")
    config = config_of(synthetic)
    assert run_study(config, base=tmp_path / "base", echo=str, progress=Progress()) == 0
    events = [{**e, "time": 0} for e in folder.events()]
    assert events == [{**json.loads(line), "time": 0} for line in lines]
    assert not (folder.attempt(1) / "checkpoint.safetensors").exists()

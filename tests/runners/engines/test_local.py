"""The engine with real worker processes: what they say, how they end."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest

from runners.engines.local import LocalEngine
from runners.job import Job, Task
from search_spaces import TrialSpec
from support.clips import clips_of, write_clips

SPEC = TrialSpec.from_dict(
    {
        "scale": {"kind": "mel", "n_bands": 32},
        "backbone": {"kind": "test_resnet"},
        "recipe": {"epochs": 3, "batch": 16},
    }
)


@pytest.fixture(scope="module")
def task_file(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("engine")
    rng = np.random.default_rng(0)
    write_clips(clips_of([rng.normal(0, 0.1, 2000) for _ in range(60)], 4000), folder / "c")
    task = Task(
        cache=str(folder / "c"),
        classes=("a", "b"),
        partitions={"train": tuple(range(40)), "devel": tuple(range(40, 60)), "test": ()},
        labels={"train": (0, 1) * 20, "devel": (0, 1) * 10},
        clip_seconds=0.5,
    )
    task.write(folder / "task.json")
    return folder / "task.json"


@pytest.fixture(scope="module")
def engine():
    made = LocalEngine(["cpu"], threads=1)
    yield made
    made.stop()


def until(engine, last=("done", "failed", "lost"), seconds=120.0):
    events, deadline = [], time.monotonic() + seconds
    while time.monotonic() < deadline:
        for event in engine.poll(0.5):
            events.append(event)
            if event["event"] in last:
                return events
    raise AssertionError(f"no {last} within {seconds} s: {events}")


def job(number: int, task_file: Path, tmp_path: Path, spec=SPEC, **options) -> Job:
    folder = str(tmp_path / f"{number}")
    return Job(number, 1, spec, str(task_file), folder, **options)


def test_jobs_round_trip_through_json(task_file, tmp_path):
    made = job(3, task_file, tmp_path, rungs=(1, 2), accumulate=2)
    assert Job.from_dict(made.to_dict()) == made


def test_one_warm_worker_runs_trial_after_trial(engine, task_file, tmp_path):
    pids = set()
    for number in (1, 2):
        engine.submit(job(number, task_file, tmp_path))
        assert engine.free == 0
        events = until(engine)
        assert [e["event"] for e in events] == ["start", "epoch", "epoch", "epoch", "done"]
        assert {e["number"] for e in events} == {number}
        assert engine.free == 1
        pids.add(events[0]["pid"])
    assert len(pids) == 1
    assert "test_resnet; float32, channels last" in (tmp_path / "1" / "log.txt").read_text()


def test_the_verdict_is_awaited_an_epoch_later(engine, task_file, tmp_path):
    engine.submit(job(1, task_file, tmp_path, rungs=(1,)))
    until(engine, last=("epoch",))
    assert engine.poll(1.5) == []
    engine.answer(1, epoch=1, prune=True)
    done = until(engine)[-1]
    assert (done["state"], len(done["uar_per_epoch"])) == ("pruned", 1)


def test_a_fault_is_an_event_with_its_kind_and_the_worker_lives_on(engine, task_file, tmp_path):
    wild = TrialSpec.from_dict(SPEC.to_dict() | {"optimizer": {"kind": "sgd", "lr": 1e30}})
    engine.submit(job(1, task_file, tmp_path, wild))
    failed = until(engine)[-1]
    assert (failed["event"], failed["kind"]) == ("failed", "loss")
    assert "in epoch 1" in failed["reason"]
    assert "Traceback" in (tmp_path / "1" / "log.txt").read_text()
    engine.submit(job(2, task_file, tmp_path))
    assert until(engine)[-1]["event"] == "done"


def test_an_error_without_a_name_costs_the_worker_which_it_may_have_broken(
    engine, task_file, tmp_path
):
    engine.submit(job(1, task_file, tmp_path, accumulate="no number"))
    failed = until(engine)
    assert (failed[-1]["event"], failed[-1]["kind"]) == ("failed", "error")
    engine.submit(job(2, task_file, tmp_path))
    done = until(engine)
    assert done[-1]["event"] == "done"
    assert done[0]["pid"] != failed[0]["pid"]


def test_a_worker_that_ran_out_of_memory_is_replaced(engine, task_file, tmp_path):
    engine.submit(job(1, task_file, tmp_path))
    pid = until(engine)[0]["pid"]
    size = int(Path(f"/proc/{pid}/statm").read_text().split()[0]) * resource.getpagesize()
    resource.prlimit(pid, resource.RLIMIT_AS, (size, size))
    image, recipe = {"height": 256, "width": 256}, {"epochs": 1, "batch": 32}
    large = TrialSpec.from_dict(SPEC.to_dict() | {"image": image, "recipe": recipe})
    engine.submit(job(2, task_file, tmp_path, large))
    failed = until(engine)[-1]
    assert (failed["event"], failed["kind"]) == ("failed", "memory"), failed
    engine.submit(job(2, task_file, tmp_path, large))
    events = until(engine)
    assert events[0]["pid"] != pid
    assert events[-1]["event"] == "done", events[-1]


@pytest.mark.parametrize(
    "number", [signal.SIGKILL, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)]
)
def test_a_killed_worker_is_reported_lost_and_replaced(engine, task_file, tmp_path, number):
    engine.submit(job(1, task_file, tmp_path))
    start = until(engine, last=("start",))[-1]
    os.kill(start["pid"], number)
    lost = until(engine)[-1]
    assert lost["event"] == "lost"
    assert f"killed by signal {number.value}" in lost["reason"]
    engine.submit(job(2, task_file, tmp_path))
    events = until(engine)
    assert events[-1]["event"] == "done"
    assert events[0]["pid"] != start["pid"]


def test_a_worker_without_a_sign_of_life_is_replaced(engine, task_file, tmp_path, monkeypatch):
    monkeypatch.setattr(engine, "hang_s", 3.0)
    engine.submit(job(1, task_file, tmp_path, rungs=(1,)))
    start = until(engine, last=("start",))[-1]
    os.kill(start["pid"], signal.SIGSTOP)
    lost = until(engine)[-1]
    assert "no sign of life for 3 s" in lost["reason"]
    assert engine.free == 1


def alive(pid: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


def test_a_worker_dies_with_its_coordinator(task_file, tmp_path):
    code = textwrap.dedent(
        f"""
        import sys, time
        from runners.job import Job
        from runners.engines.local import LocalEngine
        from search_spaces import TrialSpec
        spec = TrialSpec.from_dict({SPEC.to_dict() | {"recipe": {"epochs": 5000, "batch": 2}}!r})
        engine = LocalEngine(["cpu"], threads=1)
        engine.submit(Job(1, 1, spec, {str(task_file)!r}, {str(tmp_path / "1")!r}))
        while True:
            for event in engine.poll(1):
                if event["event"] in ("start", "epoch"):
                    print(event["pid"] if event["event"] == "start" else "epoch", flush=True)
        """
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    pid = int(process.stdout.readline())
    assert process.stdout.readline().strip() == "epoch"
    process.kill()
    process.wait()
    deadline = time.monotonic() + 10
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not alive(pid)


def test_a_file_named_study_py_in_the_current_folder_is_not_imported(
    task_file, tmp_path, monkeypatch
):
    for name in ("study.py", "runners.py", "torch.py"):
        (tmp_path / name).write_text("raise SystemExit('imported')")
    monkeypatch.chdir(tmp_path)
    engine = LocalEngine(["cpu"], threads=1)
    try:
        engine.submit(job(1, task_file, tmp_path))
        assert until(engine)[-1]["event"] == "done"
    finally:
        engine.stop()

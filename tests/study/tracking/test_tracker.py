"""A study is a run of MLflow and its trials are child runs; without tracking nothing happens."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from study.tracking.runs import FusionRun
from study.tracking.tracker import ChildRun, NullTracker, escape_markdown
from support.tracked_runs import TRIALS, opened, runs_of


def test_a_study_is_a_parent_run_with_parameters_dataset_and_revision(store, client):
    tracker = opened(store)
    tracker.describe(f"best: {escape_markdown('<b>x</b>')} <script>")
    tracker.log_progress(3, {"devel/uar_best": 0.7})
    assert tracker.close("finished") is None
    run = client.get_run(tracker.run_id)
    assert run.info.status == "FINISHED"
    assert run.info.run_name == "digits"
    assert run.data.params == {"budget.trials": "30", "seed": "0"}
    assert run.data.metrics == {"devel/uar_best": 0.7}
    assert run.data.tags["mlflow.source.git.commit"] == "abc123"
    assert run.data.tags["spectune.corpus_digest"] == "d" * 64
    assert "<" not in run.data.tags["mlflow.note.content"]
    (dataset,) = run.inputs.dataset_inputs
    assert (dataset.dataset.name, dataset.dataset.digest) == ("digits", "d" * 36)
    assert client.get_experiment(tracker.experiment_id).name == "digits"


def test_the_description_links_the_report_which_is_an_artifact(store, client, tmp_path):
    (tmp_path / "report.html").write_text("<p>what was found</p>")
    tracker = opened(store)
    tracker.describe("best", report=tmp_path / "report.html")
    tracker.close("finished")
    note = client.get_run(tracker.run_id).data.tags["mlflow.note.content"]
    where = f"#/experiments/{tracker.experiment_id}/runs/{tracker.run_id}/artifacts/report.html"
    assert note == f"[Report]({where})\n\nbest"
    assert [file.path for file in client.list_artifacts(tracker.run_id)] == ["report.html"]


def test_a_trial_is_a_child_run_with_curves_state_and_artifacts(store, client, tmp_path):
    probabilities = tmp_path / "devel.npy"
    probabilities.write_bytes(b"npy")
    tracker = opened(store)
    tracker.start_trial(17, "linear-3win resnet18", {"scale": "linear"}, {"spectune.slot": "0"})
    for epoch in range(1, 6):
        tracker.log_epoch(17, epoch, {"devel/uar": epoch / 10, "train/loss": 1 / epoch})
    tracker.log_epoch(17, 6, {"devel/uar": 0.6, "train/loss": float("inf")})
    artifacts = {"confusion.csv": "a,b\n", "final/devel.npy": probabilities}
    tracker.finish_trial(17, "complete", {"devel/uar_best": 0.6}, {"backbone": "x"}, artifacts)
    tracker.close("finished")
    run = runs_of(client, tracker)["017 linear-3win resnet18"]
    assert run.info.status == "FINISHED"
    assert run.data.params == {"scale": "linear"}
    assert run.data.metrics == {"devel/uar": 0.6, "train/loss": 0.2, "devel/uar_best": 0.6}
    history = client.get_metric_history(run.info.run_id, "devel/uar")
    assert [(m.step, m.value) for m in history] == [(e, e / 10) for e in range(1, 7)]
    assert abs(history[0].timestamp / 1000 - time.time()) < 60
    expected = {
        "mlflow.parentRunId": tracker.run_id,
        "spectune.trial": "17",
        "spectune.state": "complete",
        "spectune.slot": "0",
        "spectune.nonfinite.train/loss": "inf, epoch 6",
        "backbone": "x",
    }
    assert expected.items() <= run.data.tags.items()
    downloaded = client.download_artifacts(run.info.run_id, "final/devel.npy")
    assert Path(downloaded).read_bytes() == b"npy"


@pytest.mark.parametrize(
    ("state", "status"), [("complete", "FINISHED"), ("pruned", "FINISHED"), ("failed", "FAILED")]
)
def test_the_state_of_a_trial_is_a_tag_and_a_status(store, client, state, status):
    tracker = opened(store)
    tracker.start_trial(1, "net", {}, {})
    tracker.finish_trial(1, state, {}, {}, {})
    tracker.close("finished")
    run = runs_of(client, tracker)["001 net"]
    assert (run.info.status, run.data.tags["spectune.state"]) == (status, state)


def test_a_study_that_is_interrupted_closes_its_running_trials_and_goes_on(store, client):
    first = opened(store)
    first.start_trial(0, "net", {"lr": 0.1}, {})
    first.log_epoch(0, 1, {"devel/uar": 0.4})
    first.close("killed")
    assert runs_of(client, first)["000 net"].info.status == "KILLED"
    assert client.get_run(first.run_id).info.status == "KILLED"

    changed = {"budget": {"trials": 60}, "seed": 0}
    second = opened(store, params=changed, run_id=first.run_id)
    second.start_trial(0, "net", {"lr": 0.1}, {"spectune.attempt": "2"})
    second.log_epoch(0, 2, {"devel/uar": 0.5})
    second.finish_trial(0, "complete", {}, {}, {})
    second.close("finished")
    assert second.run_id == first.run_id
    (run,) = runs_of(client, second).values()
    assert run.info.status == "FINISHED"
    assert len(client.get_metric_history(run.info.run_id, "devel/uar")) == 2
    parent = client.get_run(first.run_id)
    assert parent.data.params["budget.trials"] == "30"  # write-once
    assert parent.data.tags["spectune.changed.budget.trials"] == "60"
    assert len(parent.inputs.dataset_inputs) == 1


def test_a_study_killed_before_it_noted_its_run_finds_it_by_its_id(store, client):
    first = opened(store)
    first.close("killed")
    second = opened(store)
    other = opened(store, study_id="id-2")
    for tracker in (second, other):
        tracker.close("finished")
    assert second.run_id == first.run_id != other.run_id
    assert len(client.search_runs([first.experiment_id])) == 2


def test_one_bad_value_costs_itself_and_nothing_else(store, client, caplog):
    tracker = opened(store)
    tracker.start_trial(0, "net", {"lr": 0.1}, {})
    tracker.start_trial(1, "net", {f"p{i}": "y" * 7000 for i in range(150)}, {})
    client.delete_run(_wait_for_run(client, tracker, "000 net"))  # somebody deletes it meanwhile
    tracker.log_epoch(0, 1, {"devel/uar": 0.5})
    tracker.log_epoch(1, 1, {"devel/uar": 0.6, "a?b": 1.0})
    missing = {"gone.npy": Path("gone.npy"), "note.txt": "here"}
    tracker.finish_trial(1, "complete", {}, {}, missing)
    assert "2 that were dropped" in tracker.close("finished")  # the epoch, and the end
    assert client.get_run(tracker.run_id).info.status == "FINISHED"
    assert "not tracked: trial 0, epoch 1" in caplog.text
    assert "no such file: gone.npy" in caplog.text
    run = runs_of(client, tracker)["001 net"]
    assert len(run.data.params) == 150
    assert all(value.endswith("[cut, was 7000 long]") for value in run.data.params.values())
    assert run.data.metrics == {"devel/uar": 0.6, "a_b": 1.0}
    assert [file.path for file in client.list_artifacts(run.info.run_id)] == ["note.txt"]
    assert "spectune.logged" not in run.data.tags  # so that a reconciliation looks at it again


def _wait_for_run(client, tracker, name):
    """Return the id of a run that has its parameters, too."""
    for _ in range(1000):
        if name in (found := runs_of(client, tracker)) and found[name].data.params:
            return found[name].info.run_id
        time.sleep(0.02)
    raise AssertionError(name)


@pytest.mark.parametrize("end", ["finished", "killed", "failed"])
def test_what_is_added_to_a_study_that_has_ended_leaves_its_end_alone(store, client, tmp_path, end):
    opened(store).close(end)
    (before,) = client.search_runs(["1"])
    (tmp_path / "report.html").write_text("drawn again")
    tracker = opened(store, adding=True)
    tracker.log_child(ChildRun("explain", "0", "explanation", started=1_000.0, ended=1_060.0))
    tracker.log_report(tmp_path / "report.html")
    assert tracker.close("finished") is None
    after = client.get_run(before.info.run_id)
    assert (after.info.status, after.info.end_time) == (before.info.status, before.info.end_time)
    assert after.data.tags["spectune.state"] == end
    assert [file.path for file in client.list_artifacts(tracker.run_id)] == ["report.html"]
    child = runs_of(client, tracker, "explain")["explanation"]
    assert child.info.end_time - child.info.start_time == 60_000


def test_what_is_added_to_a_study_whose_run_was_lost_makes_it_and_ends_it(store, client):
    tracker = opened(store, adding=True)
    assert tracker.close("finished") is None
    assert client.get_run(tracker.run_id).info.status == "FINISHED"


def test_without_tracking_the_same_calls_do_nothing():
    tracker = NullTracker()
    tracker.start_trial(0, "net", {}, {})
    tracker.log_epoch(0, 1, {"devel/uar": float("nan"), "train/loss": 1.0})
    tracker.retag(0, {"spectune.slot": "1"})
    tracker.log_progress(1, {"devel/uar_best": 0.5})
    tracker.finish_trial(0, "complete", {}, {}, {})
    tracker.log_fusion(FusionRun("greedy", {}, {}, [], {}, []))
    tracker.log_child(ChildRun("explain", "0", "explanation"))
    tracker.log_report(Path("report.html"))
    tracker.describe("x")
    tracker.reconcile(TRIALS)
    assert tracker.run_id is None
    assert tracker.close("finished") is None

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import signal
import threading
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from search_spaces.errors import InputError
from study import tracking_session, tracking_thread
from study.tracking import (
    ChildRun,
    NullTracker,
    TrackedTrial,
    Tracker,
    escape_markdown,
    resolve_tracking,
    store_at,
)
from study.tracking_queue import Writer
from study.tracking_store import initialise, open_client

OPEN = {
    "experiment": "digits",
    "study_id": "id-1",
    "run_name": "digits",
    "params": {"budget": {"trials": 30}, "seed": 0},
    "tags": {"mlflow.source.git.commit": "abc123"},
    "dataset": {"digest": "d" * 64, "name": "digits", "source": "corpora/digits"},
    "wait_s": 60.0,
}
TRIALS = (
    TrackedTrial(
        number=0,
        name="band statistics",
        state="complete",
        params={"kind": "baseline"},
        epochs={1: {"devel/uar": 0.5}},
        metrics={"devel/uar_best": 0.5},
        artifacts={"confusion.csv": "a,b\n"},
        started=1_000.0,
        ended=1_010.0,
        epoch_times={1: 1_009.0},
    ),
    TrackedTrial(
        number=1,
        name="mel-1win resnet18",
        state="pruned",
        params={"scale": "mel"},
        epochs={e: {"devel/uar": 0.1 * e, "train/loss": 1 / e} for e in (1, 2, 3)},
        metrics={"devel/uar_best": 0.3},
    ),
    TrackedTrial(number=2, name="lin", state="failed", tags={"spectune.reason": "NaN loss"}),
    TrackedTrial(number=3, name="lin", state="running", epochs={1: {"devel/uar": 0.4}}),
)


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """An empty database, which takes seconds to make."""
    store = resolve_tracking(tmp_path_factory.mktemp("template"), {})
    initialise(store)
    return Path(store.artifact_root).parent / "mlflow.db"


@pytest.fixture
def store(template, tmp_path):
    shutil.copy(template, tmp_path / "mlflow.db")
    return resolve_tracking(tmp_path, {})


@pytest.fixture
def client(store):
    return open_client(store)


def runs_of(client, tracker, kind="trial"):
    found = client.search_runs([tracker.experiment_id], f"tags.`spectune.kind` = '{kind}'")
    return {run.info.run_name: run for run in found}


def content(client, tracker):
    """All that a person sees of the child runs, in an order of its own."""
    shown = []
    for run in client.search_runs([tracker.experiment_id]):
        if run.data.tags["spectune.kind"] == "study":
            continue
        tags = {k: v for k, v in run.data.tags.items() if k != "mlflow.parentRunId"}
        points = {
            key: sorted((m.step, m.value) for m in client.get_metric_history(run.info.run_id, key))
            for key in run.data.metrics
        }
        files = [file.path for file in client.list_artifacts(run.info.run_id)]
        shown.append((run.info.run_name, run.info.status, tags, run.data.params, points, files))
    return sorted(shown, key=lambda row: row[0])


def test_a_study_is_a_parent_run_with_parameters_dataset_and_revision(store, client):
    tracker = Tracker.open(store, **OPEN)
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
    tracker = Tracker.open(store, **OPEN)
    tracker.describe("best", report=tmp_path / "report.html")
    tracker.close("finished")
    note = client.get_run(tracker.run_id).data.tags["mlflow.note.content"]
    where = f"#/experiments/{tracker.experiment_id}/runs/{tracker.run_id}/artifacts/report.html"
    assert note == f"[Report]({where})\n\nbest"
    assert [file.path for file in client.list_artifacts(tracker.run_id)] == ["report.html"]


def test_a_trial_is_a_child_run_with_curves_state_and_artifacts(store, client, tmp_path):
    probabilities = tmp_path / "devel.npy"
    probabilities.write_bytes(b"npy")
    tracker = Tracker.open(store, **OPEN)
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
    tracker = Tracker.open(store, **OPEN)
    tracker.start_trial(1, "net", {}, {})
    tracker.finish_trial(1, state, {}, {}, {})
    tracker.close("finished")
    run = runs_of(client, tracker)["001 net"]
    assert (run.info.status, run.data.tags["spectune.state"]) == (status, state)


def test_a_study_that_is_interrupted_closes_its_running_trials_and_goes_on(store, client):
    first = Tracker.open(store, **OPEN)
    first.start_trial(0, "net", {"lr": 0.1}, {})
    first.log_epoch(0, 1, {"devel/uar": 0.4})
    first.close("killed")
    assert runs_of(client, first)["000 net"].info.status == "KILLED"
    assert client.get_run(first.run_id).info.status == "KILLED"

    changed = {**OPEN, "params": {"budget": {"trials": 60}, "seed": 0}}
    second = Tracker.open(store, **changed, run_id=first.run_id)
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
    first = Tracker.open(store, **OPEN)
    first.close("killed")
    second = Tracker.open(store, **OPEN)
    other = Tracker.open(store, **{**OPEN, "study_id": "id-2"})
    for tracker in (second, other):
        tracker.close("finished")
    assert second.run_id == first.run_id != other.run_id
    assert len(client.search_runs([first.experiment_id])) == 2


def test_one_bad_value_costs_itself_and_nothing_else(store, client, caplog):
    tracker = Tracker.open(store, **OPEN)
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
    for _ in range(200):
        if name in (found := runs_of(client, tracker)):
            return found[name].info.run_id
        time.sleep(0.02)
    raise AssertionError(name)


def test_a_fusion_is_a_run_that_names_and_links_its_members(store, client):
    tracker = Tracker.open(store, **OPEN)
    for number in (0, 1, 2):
        tracker.start_trial(number, "net", {}, {})
        tracker.finish_trial(number, "complete", {}, {}, {})
    path = [{"n": 1, "trial": 2, "name": "net <i>", "uar": 0.6}, {"n": 2, "trial": 0, "uar": 0.7}]
    members = [
        {"trial": 2, "name": "net <i>", "weight": 0.5}, {"trial": 0, "name": "net", "weight": 0.25},
        {"name": "open|smile", "weight": 0.25},
    ]  # fmt: skip
    for _ in range(2):  # the same again changes nothing
        tracker.log_fusion("greedy", {"bags": 20}, {"devel/uar": 0.7}, path, {}, members)
    better = [{"n": 1, "trial": 1, "name": "net", "uar": 0.8}]
    tracker.log_fusion(
        "greedy",
        {"bags": 20},
        {"devel/uar": 0.8},
        better,
        {},
        [{"trial": 1, "name": "net", "weight": 1.0}],
    )
    tracker.close("finished")

    trials = runs_of(client, tracker)
    fusions = client.search_runs([tracker.experiment_id], "tags.`spectune.kind` = 'fusion'")
    new, old = sorted(fusions, key=lambda run: run.data.tags["spectune.members"])[::1]
    assert (old.data.tags["spectune.members"], new.data.tags["spectune.members"]) == ("2,0", "1")
    assert (old.info.run_name, new.info.run_name) == ("greedy (superseded)", "greedy")
    assert old.data.tags["spectune.superseded"] == "true"
    assert "spectune.superseded" not in new.data.tags
    note = old.data.tags["mlflow.note.content"]
    link = f"(#/experiments/{tracker.experiment_id}/runs/{trials['002 net'].info.run_id})"
    assert f"{link}, weight 0.5" in note
    assert r"- imported open\|smile, weight 0.25" in note
    assert note.startswith("Fusion of 3 members")
    assert "<" not in note
    curve = client.get_metric_history(old.info.run_id, "fusion/uar")
    assert [(m.step, m.value) for m in curve] == [(1, 0.6), (2, 0.7)]
    assert [file.path for file in client.list_artifacts(old.info.run_id)] == ["trajectory.json"]
    members = {n for n, run in trials.items() if "spectune.fusion_member" in run.data.tags}
    assert members == {"001 net"}


def test_a_fusion_that_is_selected_again_has_its_name_again(store, client):
    tracker = Tracker.open(store, **OPEN)
    for bags in (20, 40, 20):
        tracker.log_fusion("greedy", {"bags": bags}, {}, [], {}, [])
    tracker.close("finished")
    bags = {
        name: run.data.params["bags"] for name, run in runs_of(client, tracker, "fusion").items()
    }
    assert bags == {"greedy": "20", "greedy (superseded)": "40"}


def test_a_fusion_lasts_as_long_as_its_selection_took(store, client):
    tracker = Tracker.open(store, **OPEN)
    tracker.log_fusion("greedy", {}, {}, [], {}, [], time.time() - 30.0)
    tracker.close("finished")
    run = runs_of(client, tracker, "fusion")["greedy"]
    assert 30_000 <= run.info.end_time - run.info.start_time < 90_000


@pytest.mark.parametrize("end", ["finished", "killed", "failed"])
def test_what_is_added_to_a_study_that_has_ended_leaves_its_end_alone(store, client, tmp_path, end):
    Tracker.open(store, **OPEN).close(end)
    (before,) = client.search_runs(["1"])
    (tmp_path / "report.html").write_text("drawn again")
    tracker = Tracker.open(store, **OPEN, adding=True)
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
    tracker = Tracker.open(store, **OPEN, adding=True)
    assert tracker.close("finished") is None
    assert client.get_run(tracker.run_id).info.status == "FINISHED"


def reconciled(store, trials=TRIALS, **changes):
    tracker = Tracker.open(store, **{**OPEN, **changes})
    tracker.reconcile(trials)
    assert tracker.close("finished") is None
    return tracker


def test_a_lost_database_is_rebuilt_from_the_folders(store, client):
    tracker = reconciled(store)
    runs = runs_of(client, tracker)
    assert {name: run.info.status for name, run in runs.items()} == {
        "000 band statistics": "FINISHED",
        "001 mel-1win resnet18": "FINISHED",
        "002 lin": "FAILED",
        "003 lin": "KILLED",
    }
    first = runs["000 band statistics"]
    assert (first.info.start_time, first.info.end_time) == (1_000_000, 1_010_000)
    (point,) = client.get_metric_history(first.info.run_id, "devel/uar")
    assert (point.step, point.value, point.timestamp) == (1, 0.5, 1_009_000)
    assert runs["002 lin"].data.tags["spectune.reason"] == "NaN loss"


def test_reconciling_twice_changes_nothing(store, client):
    before = content(client, reconciled(store))
    assert content(client, reconciled(store)) == before


def test_reconciling_a_whole_store_writes_no_trial_again(store, monkeypatch):
    reconciled(store)
    monkeypatch.setattr(tracking_session.Session, "log_artifacts", lambda *_: pytest.fail("wrote"))
    reconciled(store)


def test_artifacts_beyond_the_limit_of_what_waits_are_all_restored_and_made_once(
    store, client, monkeypatch
):
    monkeypatch.setattr(tracking_thread, "Writer", partial(Writer, limit_bytes=100_000))
    made = []

    def artifacts(number):
        made.append((number, threading.current_thread().name))
        return {"predictions_devel.csv": "a,b\n" * 10_000}

    trials = [
        TrackedTrial(n, "net", "complete", artifacts=partial(artifacts, n)) for n in range(120)
    ]
    for _ in range(2):
        tracker = reconciled(store, iter(trials))
        assert made == [(n, "tracking") for n in range(120)]
    runs = client.search_runs([tracker.experiment_id], "tags.`spectune.kind` = 'trial'")
    assert len(runs) == 120
    last = client.list_artifacts(runs[-1].info.run_id)
    assert [(file.path, file.file_size) for file in last] == [("predictions_devel.csv", 40_000)]


def test_artifacts_that_cannot_be_made_leave_the_rest_of_the_run(store, client, caplog):
    def damaged():
        raise InputError("devel.npy: not a complete NumPy array file")

    tracker = reconciled(store, [replace(TRIALS[1], artifacts=damaged)])
    (run,) = runs_of(client, tracker).values()
    assert run.info.status == "FINISHED"
    assert run.data.metrics["devel/uar_best"] == 0.3
    assert "spectune.logged" not in run.data.tags  # tried again by the next reconciliation
    assert "not tracked, artifacts cannot be made: devel.npy: not a complete" in caplog.text


def test_the_rebuilt_runs_equal_those_logged_live(store, client, tmp_path):
    live = Tracker.open(store, **OPEN)
    for trial in TRIALS[:3]:
        live.start_trial(trial.number, trial.name, trial.params, trial.tags)
        for epoch, metrics in trial.epochs.items():
            live.log_epoch(trial.number, epoch, metrics)
        live.finish_trial(trial.number, trial.state, trial.metrics, trial.tags, trial.artifacts)
    live.close("finished")
    as_logged = content(client, live)
    rebuilt = reconciled(store, TRIALS[:3], study_id="id-2", experiment="again")
    as_rebuilt = content(client, rebuilt)
    for row in (*as_logged, *as_rebuilt):
        row[2].pop("spectune.study_id")
    assert as_rebuilt == as_logged


def test_holes_wrong_values_doubles_and_strays_are_put_right(store, client):
    tracker = reconciled(store)
    before = content(client, tracker)
    runs = runs_of(client, tracker)
    client.delete_run(runs["000 band statistics"].info.run_id)
    client.update_run(runs["001 mel-1win resnet18"].info.run_id, status="RUNNING")
    parent = {"mlflow.parentRunId": tracker.run_id, "spectune.kind": "trial"}
    for number in (2, 99):  # a double, and a trial without a folder
        tags = {**parent, "spectune.trial": str(number)}
        client.create_run(tracker.experiment_id, tags=tags, run_name=f"stray {number}")

    after = content(client, reconciled(store))
    assert [row for row in after if row[0] != "stray 99"] == before
    (stray,) = [row for row in after if row[0] == "stray 99"]
    assert stray[1] == "KILLED"


def test_missing_points_are_added_and_present_ones_not_doubled(store, client):
    tracker = reconciled(store, [replace(TRIALS[1], epochs={1: TRIALS[1].epochs[1]})])
    (run,) = runs_of(client, tracker).values()
    reconciled(store, [TRIALS[1]])
    history = client.get_metric_history(run.info.run_id, "train/loss")
    assert [(m.step, m.value) for m in history] == [(1, 1.0), (2, 0.5), (3, 1 / 3)]


def test_more_runs_than_a_page_are_all_found(store, client, monkeypatch):
    monkeypatch.setattr(tracking_session, "PAGE", 3)
    trials = [TrackedTrial(number, "net", "complete") for number in range(10)]
    for _ in range(2):
        tracker = reconciled(store, trials)
    assert len(client.search_runs([tracker.experiment_id])) == 11


def test_a_trial_started_before_the_reconciliation_is_left_alone(store, client):
    tracker = Tracker.open(store, **OPEN)
    tracker.start_trial(3, "lin", {}, {})
    tracker.reconcile(TRIALS)
    deadline = time.monotonic() + 20
    while len(runs_of(client, tracker)) < 4 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert runs_of(client, tracker)["003 lin"].info.status == "RUNNING"
    tracker.close("killed")


def test_an_epoch_repeated_after_a_resume_is_one_point(store, client):
    tracker = Tracker.open(store, **OPEN)
    tracker.reconcile(TRIALS)
    tracker.start_trial(3, "lin", {}, {})
    tracker.log_epoch(3, 1, {"devel/uar": 0.4})
    tracker.log_epoch(3, 2, {"devel/uar": 0.5})
    tracker.finish_trial(3, "complete", {}, {}, {})
    tracker.close("finished")
    run = runs_of(client, tracker)["003 lin"]
    assert run.info.status == "FINISHED"
    assert run.data.tags["spectune.logged"] == "complete, 2 epochs"
    assert len(client.get_metric_history(run.info.run_id, "devel/uar")) == 2


def test_after_kill_9_a_reconciliation_leaves_no_run_running(store):
    child = os.fork()  # a new interpreter would take seconds to import MLflow
    if child == 0:
        with contextlib.suppress(BaseException):
            tracker = Tracker.open(store, **OPEN)
            for number in range(40):
                tracker.start_trial(number, "net", {"lr": 0.1}, {})
                tracker.log_epoch(number, 1, {"devel/uar": 0.5})
                if number % 2:
                    tracker.finish_trial(number, "complete", {}, {}, {"a.txt": "a"})
            while tracker._thread._writer.n_written < 30:
                time.sleep(0.001)
        os.kill(os.getpid(), signal.SIGKILL)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    client = open_client(store)
    experiment = client.get_experiment_by_name("digits").experiment_id
    left = [run.info.status for run in client.search_runs([experiment])]
    assert left.count("RUNNING") > 1  # the parent, and trials

    done = [
        TrackedTrial(
            n, "net", "complete" if n % 2 else "running", {"lr": 0.1}, {1: {"devel/uar": 0.5}}
        )
        for n in range(40)
    ]
    tracker = reconciled(store, done)
    runs = client.search_runs([experiment])
    assert "RUNNING" not in {run.info.status for run in runs}
    numbers = [run.data.tags["spectune.trial"] for run in runs if run.info.run_id != tracker.run_id]
    assert len(numbers) == len(set(numbers)) == 40


def test_a_store_that_is_away_does_not_hold_the_study_up(caplog):
    caplog.set_level(logging.WARNING)
    store = store_at("http://127.0.0.1:9", Path.cwd())  # the discard port: refused at once
    started = time.monotonic()
    tracker = Tracker.open(store, **OPEN)
    assert time.monotonic() - started < 30
    assert tracker.run_id is None
    tracker.start_trial(0, "net", {}, {})
    started = time.monotonic()
    assert "lacks 4 writes that did not arrive" in tracker.close("killed", drain_s=0.5)
    assert time.monotonic() - started < 3
    assert "the study starts without the tracking store" in caplog.text


def test_a_database_of_another_version_is_refused_with_a_sentence(store):
    import sqlite3

    with sqlite3.connect(Path(store.artifact_root).parent / "mlflow.db") as database:
        database.execute("update alembic_version set version_num = 'f5a4f2784254'")
    with pytest.raises(InputError, match=r"cannot be used: .*mlflow db upgrade"):
        Tracker.open(store, **OPEN)


def test_a_broken_database_is_refused_with_what_to_do(tmp_path):
    (tmp_path / "mlflow.db").write_text("a text that is no database " * 50)
    with pytest.raises(InputError, match=r"not a database.*`spectune reconcile` moves it away"):
        Tracker.open(resolve_tracking(tmp_path, {}), **OPEN)


def test_artifacts_reach_an_experiment_that_a_server_made(store, client):
    client.create_experiment("digits", artifact_location="mlflow-artifacts:/7")
    tracker = Tracker.open(store, **OPEN)
    tracker.start_trial(0, "net", {}, {})
    tracker.finish_trial(0, "complete", {}, {}, {"note.txt": "here"})
    assert tracker.close("finished") is None
    run_id = runs_of(client, tracker)["000 net"].info.run_id
    folder = Path(store.artifact_root) / "7" / run_id / "artifacts"
    assert (folder / "note.txt").read_text() == "here"


def test_a_deleted_experiment_is_restored(store, client):
    first = reconciled(store)
    client.delete_experiment(first.experiment_id)
    assert reconciled(store).experiment_id == first.experiment_id


def test_without_tracking_the_same_calls_do_nothing():
    tracker = NullTracker()
    tracker.start_trial(0, "net", {}, {})
    tracker.log_epoch(0, 1, {"devel/uar": float("nan")})
    tracker.finish_trial(0, "complete", {}, {}, {})
    tracker.log_fusion("greedy", {}, {}, [], {}, [])
    tracker.describe("x")
    tracker.reconcile(TRIALS)
    assert tracker.run_id is None
    assert tracker.close("finished") is None

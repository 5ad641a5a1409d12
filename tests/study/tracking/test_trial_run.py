"""What of a trial goes to MLflow."""

from __future__ import annotations

import json

import pytest

from search_spaces.spec import TrialSpec
from search_spaces.suggesters import flat_parameters
from study.results import read_results
from study.search.display import Progress
from study.search.session import run_study
from study.tracking import trial_run as records
from study.tracking.store import open_client
from study.tracking.store_checks import tracking_store
from study.tracking.trial_run import epoch_metrics, final_metrics, trial_tags
from support.finished_study import config_of


def test_tags_say_what_a_trial_is_and_nothing_that_it_is_not():
    spec = TrialSpec.from_dict({})
    tags = trial_tags(spec, origin="sampler")
    assert tags["scale"] in spec.label
    assert tags["channels"] in spec.label
    assert spec.label.endswith(tags["backbone"])
    assert "baseline" not in tags
    assert trial_tags(spec, origin="baseline:linear_3win")["baseline"] == "linear_3win"


def test_the_linear_machine_is_not_compared_by_how_networks_are_trained():
    changes = {"augment": {"gain": {"p": 0.5}}, "loss": {"kind": "focal"}, "recipe": {"epochs": 7}}
    svm = TrialSpec.from_dict({"backbone": {"kind": "band_svm"}, **changes})
    names = set(flat_parameters(svm))
    assert {"scale", "channels", "band_svm.c", "spectrogram.hop_ms", "image.normalize"} <= names
    network = set(flat_parameters(TrialSpec.from_dict(changes)))
    assert {name.partition(".")[0] for name in network - names} == {
        "optimizer", "adamw", "loss", "focal", "averaging", "recipe", "augment", "resnet18",
        "image",  # turned for networks alone
    }  # fmt: skip


def test_metrics_have_names_that_sort_by_what_they_measure():
    event = {"epoch": 1, "devel_uar": 0.5, "train_loss": 1.0, "seconds": 3.0, "lr": 1e-3}
    assert set(epoch_metrics(event | {"peak_memory_gb": None})) == {
        "devel/uar",
        "train/loss",
        "train/lr",
        "time/epoch_s",
    }
    assert epoch_metrics(event | {"peak_memory_gb": 1.5})["gpu/memory_peak_gb"] == 1.5
    result = {"uar": 0.6, "best_epoch": 3, "seconds": 9.0, "n_parameters": None}
    assert final_metrics(result) == {
        "devel/uar_best": 0.6,
        "devel/epoch_best": 3,
        "time/trial_s": 9,
    }


@pytest.fixture
def runs(tracked):
    """All runs of a real study of three trials, by name; the study's own under `study`."""
    state = json.loads((tracked / "state.json").read_text())
    noted = state["mlflow"]
    client = open_client(tracking_store(state, tracked.parents[1]))
    found = client.search_runs([noted["experiment_id"]])
    return client, {run.info.run_name.split()[0]: run for run in found}


def test_a_study_can_be_compared_in_mlflow(runs, tracked):
    client, by_name = runs
    results = read_results(tracked)
    for trial in results.trials:
        run = by_name[f"{trial.number:03d}"]
        assert run.info.run_name == f"{trial.number:03d} {trial.name}"
        assert run.data.tags["spectune.state"] == trial.state
        assert run.data.metrics["devel/uar_best"] == pytest.approx(trial.uar)
        curve = client.get_metric_history(run.info.run_id, "devel/uar")
        assert [point.step for point in curve] == list(range(1, len(trial.uar_per_epoch) + 1))
        assert [point.value for point in curve] == pytest.approx(trial.uar_per_epoch)
        files = {file.path for file in client.list_artifacts(run.info.run_id)}
        assert {"confusion_matrix.json", "predictions_devel.csv", "spec.json"} <= files
        assert max(map(len, run.data.params.values())) < 60
    members = {f"{member.trial:03d}" for member in results.ensemble.members}
    tagged = {n for n, run in by_name.items() if "spectune.fusion_member" in run.data.tags}
    assert tagged == members
    note = by_name["fusion"].data.tags["mlflow.note.content"]
    for number in members:
        assert f"/runs/{by_name[number].info.run_id})" in note
    described = by_name["study"].data.tags["mlflow.note.content"]
    assert all(f"| {trial.number:03d} |" in described for trial in results.ranked)


def test_a_resume_makes_no_artifact_of_what_is_in_the_store(tracked_copy, synthetic, monkeypatch):
    made = []
    monkeypatch.setattr(records, "predictions_csv", lambda *_: made.append(1) or "csv")
    config = config_of(synthetic, tracking=True, budget={"trials": 3})
    base = tracked_copy.parent.parent
    assert run_study(config, base=base, echo=str, progress=Progress()) == 0
    assert made == []
    state = json.loads((tracked_copy / "state.json").read_text())
    client = open_client(tracking_store(state, base))
    trials = "tags.`spectune.kind` = 'trial'"
    for run in client.search_runs([state["mlflow"]["experiment_id"]], trials):
        client.delete_run(run.info.run_id)
    assert run_study(config, base=base, echo=str, progress=Progress()) == 0
    assert len(made) == 3

"""`spectune explain` on a real tiny study, on its bundle and on a cross-validation."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from reports.explain.inputs import inputs_of_bundle, inputs_of_study
from study.bundle.export import export_bundle
from study.files import write_json
from study.planning.plan import plan_study
from study.results import read_results
from study.results.predictions import fusion_predictions
from study.tracking.store import open_client
from study.tracking.store_checks import tracking_store
from support.finished_study import config_of, copy_study, make_study


def stored_devel(results, number: int) -> np.ndarray:
    trial = results.trial(number)
    return np.load(trial.file("devel.npy"))[trial.best_epoch - 1].astype(np.float64)


def test_a_study_is_explained_with_weights_that_were_dropped(tracked_copy, spectune):
    folder, base = tracked_copy, tracked_copy.parent.parent
    mlflow = read_results(folder).state["mlflow"]
    client = open_client(tracking_store(read_results(folder).state, folder.parents[1]))
    study = client.get_run(mlflow["run_id"]).info
    best = read_results(folder).ensemble.references["best_single"]["trial"]
    read_results(folder).trial(best).file("model.safetensors").unlink()
    code, out, err = spectune("explain", base / "study.yaml", "--clips", 12)
    assert code == 0, err
    assert "trained again, bit for bit" in out
    assert "MLflow:" not in out
    assert "explaining: 100 %" in err
    numbers = json.loads((folder / "explain" / "explain.json").read_text())
    assert numbers["systems"][0]["id"] == "winner"
    assert numbers["systems"][0]["members"][0]["trial"] == best
    assert numbers["clips"]["n"] == 12
    assert (folder / "explain" / "explain.html").stat().st_size < 6e6
    assert 'id="frequencies"' in (folder / "report.html").read_text()

    # A run of its own beside the trials, with the page and the numbers.
    found = client.search_runs(
        [mlflow["experiment_id"]], "attributes.run_name = 'explanation on 12 clips'"
    )
    assert [run.info.status for run in found] == ["FINISHED"]
    (run,) = found
    assert run.data.tags["mlflow.parentRunId"] == mlflow["run_id"]
    assert run.data.metrics["devel/uar_winner_explained"] == numbers["systems"][0]["uar"]
    files = {file.path for file in client.list_artifacts(run.info.run_id)}
    assert files == {"explain.html", "explain.json"}
    took = (run.info.end_time - run.info.start_time) / 1000
    assert took == pytest.approx(numbers["seconds"], abs=0.1)

    # The study's run has the new report, and lasts as long as the study did.
    now = client.get_run(mlflow["run_id"]).info
    assert (now.status, now.end_time) == (study.status, study.end_time)
    stored = client.download_artifacts(mlflow["run_id"], "report.html")
    assert Path(stored).read_text() == (folder / "report.html").read_text()


def test_what_is_explained_are_the_networks_and_the_fusion_of_the_study(finished, synthetic):
    results = read_results(finished)
    plan = plan_study(config_of(synthetic), base=finished.parent.parent)
    inputs = inputs_of_study(plan, results, echo=lambda text: None)
    stored = np.stack([stored_devel(results, network.trial) for network in inputs.networks])
    if len(inputs.systems) > 1:
        expected = fusion_predictions(results, "devel").probabilities  # as the study wrote them
        np.testing.assert_allclose(inputs.systems[1].fuse(stored), expected, atol=1e-6)
    np.testing.assert_allclose(
        inputs.systems[0].fuse(stored),
        stored_devel(results, results.ensemble.references["best_single"]["trial"]),
    )
    assert len(inputs.labels) == len(inputs.positions) == stored.shape[1]


def test_a_bundle_is_explained_on_a_corpus(finished, synthetic, tmp_path, spectune):
    folder = copy_study(finished, tmp_path / "base")
    bundle = export_bundle(
        read_results(folder),
        tmp_path / "bundle",
        protocol="train",
        plan=lambda: plan_study(config_of(synthetic), base=tmp_path / "base"),
        echo=lambda text: None,
    )
    code, _, err = spectune("explain", bundle)
    assert (code, err) == (
        2,
        f"spectune: {bundle}: a bundle holds no clips; name a corpus with --corpus FOLDER\n",
    )
    code, _, err = spectune(
        "explain", bundle, "--corpus", synthetic, "--clips", 10, "-o", tmp_path / "out"
    )
    assert code == 0, err
    numbers = json.loads((tmp_path / "out" / "explain.json").read_text())
    assert [system["id"] for system in numbers["systems"]] == ["fusion"]
    assert numbers["note"] == ""
    plain = json.loads((bundle / "bundle.json").read_text())
    write_json(bundle / "bundle.json", plain | {"protocol": "train+devel"})
    assert "trained on the devel clips too" in inputs_of_bundle(bundle, synthetic).note
    write_json(bundle / "bundle.json", plain | {"classes": ["a", "b"]})
    with pytest.raises(Exception, match=r"must be a class of the bundle \(a, b\)"):
        inputs_of_bundle(bundle, synthetic)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--corpus", "."), "--corpus goes with a bundle only"),
        (("--device", "cuda:99"), "device 'cuda:99' cannot be used"),
    ],
)
def test_a_mistake_is_one_sentence_and_writes_nothing(finished, tmp_path, spectune, words, told):
    folder = copy_study(finished, tmp_path / "base")
    code, _, err = spectune("explain", tmp_path / "base" / "study.yaml", *words)
    assert (code, err.count("\n")) == (2, 1)
    assert told in err
    assert not (folder / "explain").exists()


@pytest.mark.slow
def test_in_a_cross_validation_each_clip_is_heard_by_the_network_of_its_fold(synthetic, tmp_path):
    from reports.explain.axes import frequency_axes
    from reports.explain.explained import Explained
    from reports.explain.measure import make_maps
    from runners.device import choose_compute

    changes = {"protocol": "kfold", "folds": 3, "budget": {"trials": 2}}
    folder = make_study(synthetic, tmp_path, **changes)
    results = read_results(folder)
    plan = plan_study(config_of(synthetic, **changes), base=tmp_path)
    inputs = inputs_of_study(plan, results, echo=lambda text: None)
    assert {len(network.models) for network in inputs.networks} == {3}
    chosen = range(len(inputs.labels))
    axes = frequency_axes(inputs.clips.sampling_rate)
    explained = Explained(inputs, chosen, axes, choose_compute("cpu"))
    mapped = make_maps(explained, explained.mappers(), tick=lambda: None)
    for network, found in zip(inputs.networks, mapped.intact, strict=True):
        np.testing.assert_allclose(found, stored_devel(results, network.trial), atol=1e-3)

"""What is known of pretrained weights stands wherever a study is told."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from reports.report import write_report
from study.bundle.export import export_bundle
from study.results import read_results
from study.tracking.store import open_client
from study.tracking.store_checks import tracking_store
from support.fake_package import FILE, NAME, foreign, install
from support.finished_study import make_study
from support.tiny_space import GRID_SPACE

KEY = f"test_resnet:{NAME}"


def test_state_mlflow_report_and_bundle_say_where_weights_come_from(
    synthetic, empty_database, tmp_path, monkeypatch
):
    path = install(tmp_path / "site", foreign()[1])
    monkeypatch.syspath_prepend(tmp_path / "site")
    monkeypatch.chdir(tmp_path)
    shutil.copy(empty_database, tmp_path)
    space = GRID_SPACE | {"backbone": {"test_resnet": {"pretrained": NAME, "head": "zero"}}}
    folder = make_study(
        synthetic, tmp_path, space=space, tracking=True, budget={"trials": 1}, baselines=[]
    )
    results = read_results(folder)
    known = results.state["weights"][KEY]
    assert (known["package"], known["version"], known["file"]) == ("tiny-weights", "0.3", FILE)
    assert known["licence"] == "Apache-2.0"
    assert known["key_map"]["conv1.0.weight"] == "_part0.weight"

    client = open_client(tracking_store(results.state, tmp_path))
    run = client.get_run(results.state["mlflow"]["run_id"])
    told = {key.rpartition(".")[2]: value for key, value in run.data.params.items()
            if key.startswith("pretrained.")}  # fmt: skip
    assert told == {key: value for key, value in known.items() if key not in ("path", "key_map")}
    artifact = client.download_artifacts(run.info.run_id, "pretrained.json")
    assert json.loads(Path(artifact).read_text()) == results.state["weights"]

    assert "package tiny-weights 0.3" in write_report(folder).read_text()
    bundle = export_bundle(results, tmp_path / "bundle", protocol="train", plan=None, echo=str)
    card = (bundle / "README.md").read_text()
    assert f"`{KEY}`: package tiny-weights 0.3, {FILE}, licence Apache-2.0; SHA-256" in card
    kept = json.loads((bundle / "bundle.json").read_text())["pretrained"][KEY]
    assert kept == {key: value for key, value in known.items() if key != "path"}
    assert str(path.parent) not in json.dumps(kept)

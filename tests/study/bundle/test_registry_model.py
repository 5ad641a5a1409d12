"""The bundle as a registered MLflow model, served by MLflow itself."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import numpy as np
import pytest
import soundfile

from study import load
from study.corpus import read_corpus
from support.finished_study import make_study

SPECTUNE = [sys.executable, "-m", "study"]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def base(synthetic, tmp_path_factory) -> Path:
    """A tracked study whose bundle was exported by the command, from another folder."""
    base = tmp_path_factory.mktemp("served")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(base)
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        make_study(synthetic, base, tracking=True, budget={"trials": 3})
    elsewhere = base / "elsewhere"
    elsewhere.mkdir()
    for command in (
        ["refit", "../study.yaml"],
        ["export", "../study.yaml", "-o", "bundle"],
    ):
        done = subprocess.run([*SPECTUNE, *command], cwd=elsewhere, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    assert "models:/tiny@champion (version 1)" in done.stdout
    assert sorted(path.name for path in elsewhere.iterdir()) == ["bundle"]
    return base


@pytest.fixture(scope="module")
def clips(synthetic) -> list[np.ndarray]:
    some = read_corpus(synthetic).partition("test")[:5]
    return [soundfile.read(clip.path)[0] for clip in some]


def environment(base: Path) -> dict[str, str]:
    # MLflow runs uvicorn by its name: the environment is active, as a person's would be.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return os.environ | {"PATH": path, "MLFLOW_TRACKING_URI": f"sqlite:///{base / 'mlflow.db'}"}


def test_the_champion_is_what_the_bundle_predicts(base, clips, tmp_path):
    np.save(tmp_path / "clips.npy", np.stack(clips))
    code = (
        "import mlflow, numpy as np, pandas as pd\n"
        "model = mlflow.pyfunc.load_model('models:/tiny@champion')\n"
        "waves = [wave.tolist() for wave in np.load('clips.npy')]\n"
        "table = pd.DataFrame({'waveform': waves, 'sampling_rate': [8000] * len(waves)})\n"
        "model.predict(table).to_json('found.json', orient='records', double_precision=15)\n"
    )
    subprocess.run(
        [sys.executable, "-P", "-c", code], cwd=tmp_path, env=environment(base), check=True
    )
    found = json.loads((tmp_path / "found.json").read_text())
    check(found, base, clips)


def check(found: list[dict], base: Path, clips: list[np.ndarray]) -> None:
    predictor = load(base / "elsewhere" / "bundle", device="cpu")
    wanted = predictor.predict(clips, 8000)
    got = [[row[f"prob_{name}"] for name in predictor.classes] for row in found]
    assert np.abs(np.array(got) - wanted).max() <= 1e-6
    assert [r["prediction"] for r in found] == [predictor.classes[i] for i in wanted.argmax(1)]


def test_mlflow_serves_the_champion(base, clips, tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "models", "serve", "-m", "models:/tiny@champion"]
    server = subprocess.Popen(
        [*command, "--env-manager", "local", "-h", "127.0.0.1", "-p", str(port)],
        cwd=tmp_path,
        env=environment(base),
        start_new_session=True,
    )
    try:
        rows = [{"waveform": wave.tolist(), "sampling_rate": 8000} for wave in clips]
        answer = post(f"http://127.0.0.1:{port}", {"dataframe_records": rows}, server)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, 15)
        server.wait(30)
    check(answer["predictions"], base, clips)


def post(address: str, plain: dict, server: subprocess.Popen) -> dict:
    deadline = time.monotonic() + 200
    while True:
        assert server.poll() is None
        try:
            with urllib.request.urlopen(f"{address}/ping", timeout=5):
                break
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.5)
    request = urllib.request.Request(
        f"{address}/invocations",
        json.dumps(plain).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.loads(answer.read())


def test_refits_and_bundles_are_runs_of_the_study(base):
    from mlflow.tracking import MlflowClient

    client = MlflowClient(f"sqlite:///{base / 'mlflow.db'}")
    state = json.loads((base / "results" / "tiny" / "state.json").read_text())["mlflow"]
    runs = client.search_runs([state["experiment_id"]])
    kinds = [run.data.tags["spectune.kind"] for run in runs]
    refits = json.loads((base / "results" / "tiny" / "refit" / "refit.json").read_text())
    assert kinds.count("refit") == sum(len(m["trainings"]) for m in refits["members"])
    assert kinds.count("export") == 1
    assert {run.info.status for run in runs} == {"FINISHED"}
    version = client.get_model_version_by_alias("tiny", "champion")
    assert version.tags["spectune.protocol"] == "train+devel"


def test_the_same_bundle_again_is_no_second_version(base):
    command = [*SPECTUNE, "export", "study.yaml", "-o", "elsewhere/train", "--protocol", "train"]
    for said in ("registered: models:/tiny@champion (version 2)", "already registered:"):
        done = subprocess.run(command, cwd=base, capture_output=True, text=True)
        assert said in done.stdout, done.stderr

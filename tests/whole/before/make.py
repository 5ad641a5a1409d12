"""Make `before.tar.xz`: what revision d5efcf6 left on disk, for tests/whole/test_before.py.

Run once, as `python tests/whole/before/make.py` from the root of a clone that has the revision.
That was the last one with all of study/ in one folder. Everything is made in /tmp/spectune-before,
so that the absolute paths in state.json, mlflow.db and MLmodel are of no person's machine; the host
is called `before` for the same reason. Left out: the decoded corpus, locks, and reports, which hold
plotly's script.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

REVISION = "d5efcf6"
HOME = Path("/tmp/spectune-before")
CODE = HOME / "code"
TRIALS = 11  # one more than the sampler draws at random
KEPT = ("study.yaml", "corpus", "masks", "results", "mlflow.db", "mlartifacts", "bundle",
        "bundle-network", "expected")  # fmt: skip
LEFT_OUT = (".lock", ".html", "masks/wav", "masks/lab")

STUDY = {
    "name": "before",
    "corpus": "corpus",
    "space": {
        "spectrogram": {"hop_ms": 32},
        "scale": {"mel": {"n_bands": [32, 40]}, "linear": {"n_bands": 32}},
        "amplitude": {"db": {"floor_db": {"low": -80, "high": -60}}},
        "augment": {"gain": {"p": [0, 1]}},
        "backbone": "test_efficientnet",
        "optimizer": {"adamw": {"lr": {"low": 1e-5, "high": 1e-4, "log": True}}},
        "recipe": {"epochs": 1, "batch": 16},
        "baselines": {"band_svm": {"scale": "mel", "backbone": "band_svm"}},
    },
    "budget": {"trials": TRIALS},
    "clip_seconds": 0.5,
    "threads": 1,
    "keep_weights": 0,  # only of the fusion, which is small
    "ensemble": {"max_members": 1, "max_mb": 0.1},  # the SVM
    "refit": {"seeds": 1},
}
MAKE = """
from pathlib import Path
import soundfile
from study.synthetic import make_synthetic
folder = make_synthetic(Path("corpus"), n_speakers=6, clips_per_speaker=5, sampling_rate=8000,
                        mask_strength=4.0)
for path in (folder / "wav").iterdir():  # cut, to be small
    samples, rate = soundfile.read(path, dtype="int16")
    soundfile.write(path, samples[: rate // 2], rate)
"""
NEUTRAL = "import socket\nsocket.gethostname = lambda: 'before'\n"


def main() -> None:
    """Make everything and pack it."""
    shutil.rmtree(HOME, ignore_errors=True)
    HOME.mkdir()
    subprocess.run(["git", "clone", "-q", "--shared", str(Path.cwd()), str(CODE)], check=True)
    subprocess.run(["git", "-C", str(CODE), "checkout", "-q", REVISION], check=True)
    (HOME / "host").mkdir()
    (HOME / "host" / "sitecustomize.py").write_text(NEUTRAL)
    (HOME / "expected").mkdir()
    (HOME / "study.yaml").write_text(json.dumps(STUDY, indent=1))

    python("-c", MAKE)
    spectune("simulate-mask", "corpus", "masks")
    spectune("run", "study.yaml")
    spectune("refit", "study.yaml")
    spectune("export", "study.yaml", "-o", "bundle")
    expect("bundle.csv", "predict", "bundle", "corpus/wav")
    expect("status.json", "status", "study.yaml", "--json")
    spectune("leaderboard", "study.yaml", "--csv", "expected/leaderboard.csv")

    # In a copy, so that the study stays as it was: the next trial, and a bundle with a network.
    again = HOME / "again"
    again.mkdir()
    shutil.copytree(HOME / "results", again / "results")
    shutil.copytree(HOME / "corpus", again / "corpus")
    shutil.copy(HOME / "study.yaml", again)
    state = again / "results" / "before" / "state.json"
    state.write_text(json.dumps(json.loads(state.read_text()) | {"mlflow": None}))
    spectune("run", "again/study.yaml", f"budget.trials={TRIALS + 1}", "tracking=false")
    following = state.with_name("trials") / f"{TRIALS:05d}" / "spec.json"
    shutil.copy(following, HOME / "expected" / "next.json")
    method = ["ensemble.max_mb=null", "ensemble.max_members=2", "ensemble.method=stacking"]
    spectune("ensemble", "again/study.yaml", *method)
    spectune("export", "again/study.yaml", "-o", "bundle-network", "--protocol", "train")
    expect("bundle-network.csv", "predict", "bundle-network", "corpus/wav")
    pack(Path(__file__).with_name("before.tar.xz"))


def python(*words: str) -> str:
    """Run Python with the old code; returns what it printed."""
    environment = {key: os.environ[key] for key in ("PATH", "TMPDIR") if key in os.environ}
    environment |= {"PYTHONPATH": f"{HOME / 'host'}:{CODE}", "SPECTUNE_CACHE": f"{HOME / 'cache'}",
                    "HOME": str(HOME), "LOGNAME": "before", "OMP_NUM_THREADS": "1",
                    "CUDA_VISIBLE_DEVICES": ""}  # fmt: skip
    done = subprocess.run(
        [sys.executable, *words], cwd=HOME, env=environment, stdout=subprocess.PIPE, text=True
    )
    print(*words, "->", done.returncode, done.stdout[-2000:], sep="\n")
    assert done.returncode == 0
    return done.stdout


def spectune(*words: str) -> str:
    """Type a command of the old revision."""
    return python("-m", "study", *words)


def expect(name: str, *words: str) -> None:
    """Keep what a command printed."""
    (HOME / "expected" / name).write_text(spectune(*words))


def pack(target: Path) -> None:
    """Pack what is kept, without times and owners."""

    def plain(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
        if any(member.name.endswith(end) for end in LEFT_OUT):
            return None
        member.mtime = member.uid = member.gid = 0
        member.uname = member.gname = ""
        return member

    with tarfile.open(target, "w:xz", preset=9) as archive:
        for name in KEPT:
            archive.add(HOME / name, name, filter=plain)


if __name__ == "__main__":
    main()

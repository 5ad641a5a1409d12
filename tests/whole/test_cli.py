"""The command line as a person types it: one sentence and exit code 2, never a traceback."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
import types
from pathlib import Path

import pytest
import yaml

from study.__main__ import SIGNALS
from study.__main__ import main as started
from study.cli import app
from support.tiny_space import TINY_SPACE


@pytest.fixture
def folder(synthetic, tmp_path, monkeypatch) -> Path:
    """A folder with a corpus of its own and a study.yaml."""
    shutil.copytree(synthetic, tmp_path / "corpus")
    write(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(folder: Path, **changes) -> None:
    plain = {"name": "s", "corpus": "corpus", "space": TINY_SPACE, "budget": {"trials": 1}}
    (folder / "study.yaml").write_text(yaml.safe_dump(plain | changes))


def labels(folder: Path) -> Path:
    return folder / "corpus" / "lab" / "labels.csv"


def swap(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


@pytest.mark.parametrize(
    ("spoil", "parts"),
    [
        (lambda f: write(f, bugdet=3), ["study.yaml: unknown key 'bugdet'", "mean budget?"]),
        (lambda f: write(f, space={"backbone": "resnt18"}), ["'resnt18'", "mean resnet18?"]),
        (lambda f: write(f, space="smal"), ["no preset 'smal'", "mean small?"]),
        (lambda f: write(f, corpus="nowhere"), ["nowhere"]),
        (lambda f: write(f, baselines=["band_svn"]), ["'band_svn'", "mean band_svm?"]),
        (lambda f: write(f, space={"scale": {"mel": {"fmin": 5000}}}), ["fmin must be below 4000"]),
        (lambda f: (f / "study.yaml").write_text("a: [1"), ["study.yaml:"]),
        (lambda f: swap(labels(f), "label", "class"), ["labels.csv", "label"]),
        (lambda f: swap(labels(f), "train_00001.wav", "train_99999.wav"), ["train_99999.wav"]),
        (lambda f: swap(labels(f), "train_00001.wav", "../../train_1.wav"), ["../../train_1.wav"]),
        (lambda f: (f / "corpus/wav/train_00001.wav").write_text("no audio"), ["train_00001.wav"]),
        (
            lambda f: write(
                f, space={"backbone": {"test_resnet": {"pretrained": "no.safetensors"}}}
            ),
            ["backbone.test_resnet.pretrained: there is no file", "no.safetensors"],
        ),
    ],
)
def test_a_bad_input_is_told_and_nothing_is_written(folder, spectune, spoil, parts):
    spoil(folder)
    code, _, errors = spectune("run", "study.yaml")
    assert code == 2
    assert "Traceback" not in errors
    assert errors.startswith("spectune: ")
    for part in parts:
        assert part in errors
    assert not (folder / "results").exists()
    assert not list(folder.glob("mlflow.db*"))


def test_pretrained_weights_that_cannot_be_had_are_told_with_what_to_do(
    folder, spectune, monkeypatch
):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    write(folder, space={"backbone": {"resnet18": {"pretrained": True}}})
    code, _, errors = spectune("run", "study.yaml")
    assert code == 2
    assert "backbone.resnet18.pretrained: the weights timm/resnet18" in errors
    assert "give its path, or set false" in errors


def test_pretrained_weights_that_timm_does_not_have_are_told(folder, spectune):
    write(folder, space={"backbone": {"resnet18": {"pretrained": "imagenet"}}})
    code, _, errors = spectune("run", "study.yaml")
    assert code == 2
    assert "timm has no weights 'imagenet' for resnet18; it has" in errors


def test_all_problems_of_a_corpus_are_told_at_once(folder, spectune):
    swap(labels(folder), "train_00001.wav", "train_99999.wav")
    swap(labels(folder), "devel_00001.wav", "/etc/passwd")
    code, _, errors = spectune("run", "study.yaml")
    assert code == 2
    assert "train_99999.wav" in errors
    assert "/etc/passwd" in errors


@pytest.mark.parametrize("command", ["status", "leaderboard", "report", "ui", "ensemble"])
def test_a_study_that_has_not_run_or_a_folder_that_is_none_is_a_sentence(folder, spectune, command):
    for study in ("study.yaml", "corpus", "nowhere"):
        code, _, errors = spectune(command, study)
        assert code == 2, study
        assert errors.startswith("spectune: ")


def test_init_says_what_it_found_and_writes_a_study(folder, spectune):
    (folder / "study.yaml").unlink()
    code, said, _ = spectune("init", "corpus")
    assert code == 0
    assert "clear, mask: 2 classes" in said
    assert "corpus: corpus" in (folder / "study.yaml").read_text()
    code, _, errors = spectune("init", "corpus")
    assert (code, "exists already" in errors) == (2, True)


def test_spaces_lists_presets_and_prints_one(spectune):
    code, said, _ = spectune("spaces")
    assert code == 0
    assert {"demo", "small", "reference"} <= {line.split()[0] for line in said.splitlines()}
    assert yaml.safe_load(spectune("spaces", "small")[1])["backbone"]
    assert spectune("spaces", "smal")[0] == 2


def test_every_command_has_help_with_an_example(spectune):
    groups = {group.name: group.typer_instance for group in app.registered_groups}
    typed = [(None, command) for command in app.registered_commands]
    typed += [(g, command) for g, one in groups.items() for command in one.registered_commands]
    for group, command in typed:
        name = command.name or command.callback.__name__.replace("_", "-")
        name = f"{group} {name}" if group else name
        code, said, _ = spectune(*name.split(), "--help")
        assert code == 0
        assert f"Example: spectune {name}" in " ".join(said.split()), name


def test_help_answers_quickly():
    started = time.monotonic()
    done = subprocess.run([sys.executable, "-m", "study", "--help"], capture_output=True, text=True)
    assert done.returncode == 0
    assert time.monotonic() - started < 5  # 2 s on a quiet machine


def test_a_study_is_run_reported_and_looked_at(folder, spectune):
    write(folder, tracking=False)
    code, said, errors = spectune("run", "study.yaml")
    assert code == 0, errors
    assert "SIMULATED" in said
    page = (folder / "results" / "s" / "report.html").read_text()
    assert "band_svm" in page
    assert spectune("status", "study.yaml")[1].startswith("study s is not running: 1/1 trials")
    status = json.loads(spectune("status", "study.yaml", "--json")[1])
    assert status["trials"]["complete"] == 1
    assert "mel-mono band_svm" in spectune("leaderboard", "results/s")[1]
    assert spectune("leaderboard", "study.yaml", "--csv", "all.csv")[0] == 0
    before = {p: p.read_bytes() for p in (folder / "results").rglob("*") if p.is_file()}
    shutil.copytree(folder / "results" / "s", folder / "elsewhere" / "s")
    code, said, errors = spectune("ensemble", "elsewhere/s")  # and nothing else is written to
    assert code == 0, errors
    assert {p: p.read_bytes() for p in before} == before
    shutil.copytree(folder / "results" / "s", folder / "renamed")
    code, _, errors = spectune("ensemble", "renamed")
    assert (code, "is the results folder of 's' under another name" in errors) == (2, True)
    assert "mel.n_bands" in (folder / "all.csv").read_text()
    assert "best single" in spectune("ensemble", "study.yaml")[1]
    write(folder, tracking=False, space={**TINY_SPACE, "scale": "log"})
    code, _, errors = spectune("run", "study.yaml")
    assert (code, "its search space was another one" in errors) == (2, True)
    # From the results folder the study goes on as it was run.
    assert spectune("run", "results/s")[0] == 0


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_while_the_command_loads_is_no_traceback(monkeypatch, capsys, number):
    def interrupted(name):
        signal.raise_signal(number)

    loading = types.ModuleType("study.cli")
    loading.__getattr__ = interrupted
    monkeypatch.setitem(sys.modules, "study.cli", loading)
    before = {one: signal.getsignal(one) for one in SIGNALS}
    signal.signal(number, signal.SIG_DFL)  # a test in the background may have it ignored
    try:
        with pytest.raises(SystemExit) as end:
            started()
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
    assert end.value.code == 130
    assert capsys.readouterr().err == "spectune: interrupted\n"

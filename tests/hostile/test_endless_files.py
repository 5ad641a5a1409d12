"""What a person names, or a corpus holds, may be a pipe or a device: it is refused, not read."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

from runners.checkpoint import load_checkpoint
from runners.model import load_front_end
from runners.npy_files import load_array
from search_spaces.grammar.bounded_file import read_bounded
from search_spaces.grammar.errors import InputError
from search_spaces.grammar.yaml_file import load_yaml
from study.corpus import read_corpus
from study.corpus.layouts import audio_files
from study.corpus.layouts.tables import header_of
from study.files import file_sha256, read_object
from study.locate import results_folder
from support.endless import ENDLESS

pytestmark = pytest.mark.timeout(30)


@pytest.fixture(params=ENDLESS.values(), ids=ENDLESS)
def endless(request, tmp_path) -> Path:
    path = tmp_path / "f.yaml"
    request.param(path)
    return path


@pytest.mark.parametrize("read", [load_yaml, read_object, load_array, load_front_end])
def test_a_file_without_an_end_is_refused_with_its_name(endless, read):
    with pytest.raises(InputError, match=r"f\.yaml: "):
        read(endless)


@pytest.mark.parametrize("make", ["pipe", "device", "folder"])
def test_nothing_but_a_file_has_a_digest(tmp_path, make):
    ENDLESS[make](tmp_path / "f.yaml")
    with pytest.raises(InputError, match=r"f\.yaml: cannot be read: it must be a regular file"):
        file_sha256(tmp_path / "f.yaml")


def test_a_checkpoint_without_an_end_is_none(endless):
    assert load_checkpoint(endless) is None


def test_a_mapped_array_may_be_large_but_is_a_file(endless):
    with pytest.raises(InputError, match=r"f\.yaml: "):
        load_array(endless, mapped=True)


def test_a_csv_without_an_end_has_no_columns(endless):
    assert header_of(endless) == []


def test_a_study_without_an_end_is_refused_by_every_command(endless):
    with pytest.raises(InputError, match=r"f\.yaml: "):
        results_folder(endless)


@pytest.mark.parametrize("name", ["corpus.json", "other.csv"])
@pytest.mark.parametrize("make", [os.mkfifo, ENDLESS["device"]], ids=["pipe", "device"])
def test_a_corpus_with_a_file_without_an_end_is_read_or_refused(tmp_path, name, make):
    (tmp_path / "a.wav").touch()
    (tmp_path / "m.csv").write_text("file_name,label,partition\na.wav,x,train\n")
    make(tmp_path / name)
    told = r"corpus\.json: must be a JSON object" if name == "corpus.json" else "class"
    with pytest.raises(InputError, match=told):
        read_corpus(tmp_path)


def test_a_regular_file_is_read_through_links_up_to_the_limit(tmp_path):
    (tmp_path / "a").write_bytes(b"12345")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    assert read_bounded(tmp_path / "b", 5) == b"12345"
    with pytest.raises(InputError, match="must be under 4 bytes, got 5"):
        read_bounded(tmp_path / "b", 4)
    np.save(tmp_path / "x.npy", np.arange(3))
    assert load_array(tmp_path / "x.npy").tolist() == [0, 1, 2]


def test_a_folder_of_everything_is_no_corpus(tmp_path, monkeypatch):
    monkeypatch.setattr(audio_files, "MOST_FILES", 3)
    for name in "abc":
        (tmp_path / f"{name}.wav").touch()
    assert len(audio_files.find_audio(tmp_path).names) == 3
    (tmp_path / "d.txt").touch()
    with pytest.raises(InputError, match="must hold at most 3 files and folders, got more"):
        audio_files.find_audio(tmp_path)


@pytest.mark.parametrize("name", ["corpus", "study.yaml"])
def test_no_other_folder_is_taken_for_a_study(tmp_path, name):
    from typer.testing import CliRunner

    from study.cli import app

    (tmp_path / "results" / "s").mkdir(parents=True)
    (tmp_path / "corpus").mkdir()
    (tmp_path / "study.yaml").write_text("name: s\ncorpus: corpus\nbudget: {trials: 1}\n")
    (tmp_path / "labels.csv").write_text("file_name,label\na.wav,x\n")
    before = sorted(tmp_path.rglob("*"))
    for words in (["score"], ["import", "--trained-on", "train"]):
        done = CliRunner().invoke(app, [*words, str(tmp_path / name), str(tmp_path / "labels.csv")])
        assert isinstance(done.exception, InputError), done.output
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("make", [os.mkfifo, ENDLESS["device"]], ids=["pipe", "device"])
def test_audio_that_a_table_names_is_not_waited_for(tmp_path, spectune, bundles, make):
    make(tmp_path / "a.wav")
    soundfile.write(tmp_path / "b.wav", np.sin(np.arange(4000)), 8000)
    (tmp_path / "m.csv").write_text("file_name\na.wav\nb.wav\n")
    code, out, err = spectune("predict", bundles["train"], tmp_path / "m.csv", "--device", "cpu")
    assert (code, len(out.splitlines())) == (1, 2)
    assert "skipped a.wav: must be an audio file with finite samples, got one that is no reg" in err
    png = tmp_path / "x.png"
    code, _, err = spectune("spaces", "demo", "--preview", tmp_path / "a.wav", "-o", png)
    assert code == 2
    assert "--preview must be a corpus or an audio file, got " in err
    assert not png.exists()

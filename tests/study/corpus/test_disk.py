"""Where a corpus's files may lie: its folder, the folder that a person names, and nowhere else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from search_spaces.grammar.errors import InputError
from study.checking.check import check_corpus
from study.config import load_config
from study.corpus import read_corpus
from study.corpus.corpus import Reading
from study.planning.init_study import init_study
from study.planning.plan import open_corpus
from support.laid_out import PAIRS, write_csv

NAMES = ["train_1.wav", "train_2.wav", "devel_1.wav", "devel_2.wav"]


def record(folder: Path, *names: str) -> Path:
    for i, name in enumerate(names or NAMES):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        noise = 0.1 * np.random.default_rng(i).standard_normal(1600)
        soundfile.write(folder / name, noise, 8000, format="WAV")
    return folder


def manifest(root: Path, names: list[str], *times: str) -> Path:
    rows = [[name, *pair, *times] for name, pair in zip(names, PAIRS, strict=True)]
    header = ["file_name", "label", "partition", "start", "end"][: 3 + len(times)]
    write_csv(root / "manifest.csv", [header, *rows])
    return root


def label_file(root: Path, names: list[str]) -> Path:
    rows = [[name, label] for name, (label, _) in zip(names, PAIRS, strict=True)]
    write_csv(root / "lab/labels.csv", [["file_name", "label"], *rows])
    return root


def problem_of(corpus: Path, audio: Path | None = None) -> str:
    with pytest.raises(InputError) as refused:
        read_corpus(corpus, audio=audio)
    return refused.value.problems[0]


def test_absolute_names_inside_the_corpus_are_called_by_their_place_in_it(tmp_path: Path) -> None:
    root = record(tmp_path / "c")
    (tmp_path / "link").symlink_to(root)
    for folder in (root, tmp_path / "link"):
        corpus = read_corpus(manifest(root, [f"{folder}/{name}" for name in NAMES]))
        assert [clip.file_name for clip in corpus.clips] == NAMES
        assert [clip.path for clip in corpus.clips] == [root / name for name in NAMES]
    corpus = read_corpus(manifest(root, [f"{root}/{name}" for name in NAMES], "0", ".1"))
    assert corpus.clips[0].file_name == "train_1.wav#t=0,0.1"
    assert corpus.clips[0].path == root / "train_1.wav"
    (root / "manifest.csv").unlink()
    corpus = read_corpus(label_file(root, [f"{root}/{name}" for name in NAMES]))
    assert [(clip.file_name, clip.partition) for clip in corpus.clips[1:3]] == [
        ("train_2.wav", "train"),
        ("devel_1.wav", "devel"),
    ]


def test_absolute_names_outside_the_corpus_are_refused(tmp_path: Path) -> None:
    root, other = record(tmp_path / "c"), record(tmp_path / "c2")
    (root / "out").symlink_to(other)
    for folder in (other, f"{root}/../c", "/etc"):
        told = problem_of(manifest(root, [f"{folder}/{name}" for name in NAMES]))
        assert "must be relative, with forward slashes, broken" in told or "relative" in told
    assert "must not link out" in problem_of(manifest(root, [f"{root}/out/{n}" for n in NAMES]))


@pytest.mark.parametrize("layout", [manifest, label_file])
def test_files_may_lie_in_the_folder_that_a_person_names(
    tmp_path: Path, layout: Callable[[Path, list[str]], Path]
) -> None:
    root, audio = layout(tmp_path / "c", NAMES), record(tmp_path / "data", *NAMES, "sub/5.wav")
    assert "must be a file on disk" in problem_of(root)
    corpus = read_corpus(root, audio=audio)
    assert [clip.path for clip in corpus.clips] == [audio / name for name in NAMES]
    record(audio, *NAMES, "stray.wav")
    found = check_corpus(Reading(root, audio=audio), cache_root=tmp_path / "cache").findings
    assert [(one.kind, one.names) for one in found] == [("unlisted", (str(audio / "stray.wav"),))]
    for name in ("../c2/train_1.wav", "/etc/train_1.wav"):
        assert "a file name must" in problem_of(layout(root, [name, *NAMES[1:]]), audio)
    layout(root, [str(audio / name) for name in NAMES])
    assert [clip.file_name for clip in read_corpus(root, audio=audio).clips] == NAMES
    with pytest.raises(InputError, match=r"audio: must be a folder that exists, got '.*none'"):
        read_corpus(root, audio=tmp_path / "none")


@pytest.mark.parametrize("inside", ["", "wav/"])
def test_a_linked_wav_is_read_where_a_person_names_it(tmp_path: Path, inside: str) -> None:
    audio = record(tmp_path / "data")
    root = manifest(tmp_path / "c", [inside + name for name in NAMES])
    (root / "wav").symlink_to(audio)
    told = problem_of(root)
    assert "a file must not link out of the corpus folder, got '" in told
    assert "named by `audio:` in study.yaml, or --audio" in told
    corpus = read_corpus(root, audio=root / "wav")
    assert [clip.file_name for clip in corpus.clips] == [inside + name for name in NAMES]
    assert corpus.clips[0].path.resolve() == audio / NAMES[0]
    (audio / NAMES[0]).unlink()
    (audio / NAMES[0]).symlink_to("/etc/hostname")
    assert "must not link out" in problem_of(root, root / "wav")


def test_a_corpus_of_folders_has_no_other_folder_of_audio(tmp_path: Path) -> None:
    names = [f"{part}/{label}/{i}.wav" for i, (label, part) in enumerate(PAIRS)]
    root = record(tmp_path / "c", *names)
    assert "a corpus of folders must be its own folder of audio" in problem_of(root, tmp_path)


@pytest.mark.parametrize("linked", [False, True])
def test_init_writes_the_folder_down_and_a_study_reads_it(tmp_path: Path, linked: bool) -> None:
    root, audio = manifest(tmp_path / "c", NAMES), record(tmp_path / "data")
    (tmp_path / "s/deep").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "s/deep")
    folder = tmp_path / ("link" if linked else "s")
    path = init_study(root, folder=folder, audio=audio, echo=lambda text: None)
    config = load_config(path)
    assert config.audio == ("../../data" if linked else "../data")
    assert open_corpus(config, base=path.parent).clips[0].path == audio / NAMES[0]


@pytest.mark.parametrize(
    ("listed", "there"),
    [
        ("train_1.wav", "train_1.WAV"),
        ("Train_1.wav", "train_1.wav"),
        ("train_\u00fc.wav", "train_u\u0308.wav"),
        ("train_1", "train_1.wav"),
        ("train_1.flac", "train_1.wav"),
        ("M\u00fcller/train_1.wav", "Mu\u0308ller/train_1.wav"),
    ],
)
def test_the_nearest_name_on_disk_is_named(tmp_path: Path, listed: str, there: str) -> None:
    root = record(manifest(tmp_path / "c", [listed, *NAMES[1:]]), there, *NAMES[1:])
    assert problem_of(root).endswith(f"got {listed!r}, where there is {there!r}")


def test_the_check_names_the_nearest_name_too(tmp_path: Path) -> None:
    root = record(manifest(tmp_path / "c", NAMES), "train_1.WAV", *NAMES[1:])
    findings = check_corpus(Reading(root), cache_root=tmp_path / "cache").findings
    (found,) = [one for one in findings if one.kind == "missing"]
    assert found.names == ("'train_1.wav' (manifest.csv line 2, where there is 'train_1.WAV')",)


def test_of_two_near_names_none_is_named(tmp_path: Path) -> None:
    root = record(manifest(tmp_path / "c", NAMES), "train_1.WAV", "train_1.Wav", *NAMES[1:])
    assert problem_of(root).endswith("got 'train_1.wav'")

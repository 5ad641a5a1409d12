"""What lies in a corpus of folders is a clip, or it is said to be left out, or it is refused."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

from search_spaces.grammar.errors import InputError
from study.bundle.predict_inputs import collect
from study.checking.check import check_corpus
from study.corpus import read_corpus, summarise
from study.corpus.corpus import Reading
from study.corpus.layouts.audio_files import CLOSED, HIDDEN, OTHER_KIND, find_audio
from study.corpus.layouts.folders import NO_PARTITION

CLIPS = [f"{part}/{label}/{k}.wav" for part in ("train", "devel") for label in "xy" for k in "01"]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Partitions with two classes; read_corpus opens no audio."""
    put(tmp_path / "c", *CLIPS)
    return tmp_path / "c"


def put(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def test_a_class_folder_that_is_a_link_within_the_corpus_is_read(root):
    put(root, ".store/train/0.wav", ".store/devel/0.wav")
    for part in ("train", "devel"):
        (root / part / "z").symlink_to(f"../.store/{part}")
    corpus = read_corpus(root)
    assert corpus.classes == ("x", "y", "z")
    assert {clip.file_name for clip in corpus.clips} == {*CLIPS, "train/z/0.wav", "devel/z/0.wav"}
    assert corpus.left_out == {}


def test_links_to_files_in_a_hidden_folder_are_clips_and_nothing_is_left_out(root):
    put(root, ".store/a.wav")
    (root / "train/x/a.wav").symlink_to("../../.store/a.wav")
    corpus = read_corpus(root)
    assert (len(corpus.clips), corpus.left_out) == (len(CLIPS) + 1, {})


@pytest.mark.parametrize("place", ["train/z", "test"])
def test_a_folder_that_is_a_link_out_of_the_corpus_is_refused(root, tmp_path, place):
    put(tmp_path / "elsewhere", "0.wav")
    (root / place).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InputError, match=f"must not link out of the corpus folder, got '{place}'"):
        read_corpus(root)


def test_class_folders_that_all_are_links_out_are_told_as_such(tmp_path):
    put(tmp_path / "elsewhere", "x/0.wav", "y/0.wav")
    (tmp_path / "c").mkdir()
    for label in "xy":
        (tmp_path / "c" / label).symlink_to(tmp_path / "elsewhere" / label)
    with pytest.raises(InputError, match="must not link out of the corpus folder, got 'x'"):
        read_corpus(tmp_path / "c")


def test_links_that_lead_in_circles_have_an_end(root):
    (root / "train/x/again").symlink_to("..")
    (root / "devel/x/other").symlink_to("../../train/y")
    (root / "train/y/back").symlink_to("../../devel/x")
    (root / "train/x/self.wav").symlink_to("self.wav")
    names = find_audio(root).names
    assert set(CLIPS) < set(names)
    assert "devel/x/other/0.wav" in names
    assert len(names) < 40


def test_names_that_begin_with_low_lines_are_classes_like_others(root):
    put(root, "train/__z__/0.wav", "devel/_z/0.wav", "train/_z/0.wav", "train/__MACOSX/z.wav")
    assert read_corpus(root).classes == ("__z__", "_z", "x", "y")


def test_audio_that_is_not_taken_is_said(root):
    put(root, "train/z/0.m4a", "train/x/1.MP4", "devel/.z/0.wav", "train/y/.0.wav", "docs/d.wav")
    put(root, "train/y/._0.wav", "train/y/notes.txt", ".git/annex/0.wav")  # of tools
    corpus = read_corpus(root)
    assert corpus.layout == "folders"
    assert [clip.file_name for clip in corpus.clips] == sorted(CLIPS)
    assert corpus.left_out == {
        OTHER_KIND: ["train/x/1.MP4", "train/z/0.m4a"],
        HIDDEN: ["devel/.z/0.wav", "train/y/.0.wav"],
        NO_PARTITION: ["docs/d.wav"],
    }
    told = summarise(corpus).splitlines()[-3:]
    assert told[1].startswith("left out train/x/1.MP4, train/z/0.m4a (2 in all): this kind of")
    assert told[2].startswith("left out docs/d.wav (1 in all): the folder is no partition")


def test_check_lists_what_is_left_out_and_refuses_links_out(root, tmp_path):
    rng = np.random.default_rng(0)
    for name in CLIPS:
        soundfile.write(root / name, 0.1 * rng.standard_normal(4000), 8000)
    put(root, "train/x/1.m4a", "docs/d.wav")
    (root / "train/z").symlink_to(tmp_path)
    findings = check_corpus(Reading(root), cache_root=tmp_path / "cache").findings
    of = {one.kind: one.names for one in findings}
    assert of["left out"] == (f"train/x/1.m4a ({OTHER_KIND})", f"docs/d.wav ({NO_PARTITION})")
    assert "unlisted" not in of
    assert "train/z" in of["outside"][0]


def test_one_class_of_an_unknown_kind_is_told_where_nothing_is_left_to_read(tmp_path):
    put(tmp_path, "x/0.wav", "y/0.m4a", "y/1.m4a")
    with pytest.raises(InputError, match=r"1 \.wav files; 2 \.m4a files, which cannot be read"):
        read_corpus(tmp_path)


def test_a_folder_that_may_not_be_looked_into_is_said(root, monkeypatch):
    put(root, "train/z/0.wav")
    scandir = os.scandir

    def refuse(path):
        if str(path).endswith("train/z"):  # root may look into everything
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert read_corpus(root).left_out == {CLOSED: ["train/z"]}


def test_the_audio_of_a_speech_corpus_of_the_nineties_is_found(tmp_path):
    soundfile.write(tmp_path / "a.sph", np.zeros(80), 8000, format="NIST")
    soundfile.write(tmp_path / "b.rf64", np.zeros(80), 8000, format="RF64")
    assert find_audio(tmp_path).names == ["a.sph", "b.rf64"]


def test_predict_follows_links_and_takes_down_what_it_leaves_out(tmp_path):
    put(tmp_path / "c", "a/0.wav", "a-b/0.wav", "a/1.m4a", ".h/0.wav")
    put(tmp_path / "elsewhere", "0.wav")
    (tmp_path / "c/link").symlink_to(tmp_path / "elsewhere")
    os.mkfifo(tmp_path / "c/pipe.wav")
    left_out: dict[str, list[str]] = {}
    items = collect([str(tmp_path / "c")], stdin=[], left_out=left_out)
    assert [item.name for item in items] == ["a/0.wav", "a-b/0.wav", "link/0.wav"]
    assert left_out == {
        OTHER_KIND: ["a/1.m4a"],
        HIDDEN: [".h/0.wav"],
        "no regular file": ["pipe.wav"],
    }


def test_predict_says_what_it_leaves_out_with_exit_code_1(spectune, bundles, synthetic, tmp_path):
    (tmp_path / "a.wav").symlink_to(next((synthetic / "wav").iterdir()))
    assert spectune("predict", bundles["train"], tmp_path, "--device", "cpu")[0] == 0
    put(tmp_path, "b.m4a")
    code, out, err = spectune("predict", bundles["train"], tmp_path, "--device", "cpu")
    assert (code, len(out.splitlines())) == (1, 2)
    assert f"left out b.m4a (1 in all): {OTHER_KIND}" in err
    (tmp_path / "a.wav").unlink()
    code, _, err = spectune("predict", bundles["train"], tmp_path, "--device", "cpu")
    assert code == 2
    assert "no audio files found; left out b.m4a" in err

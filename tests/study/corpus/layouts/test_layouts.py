"""One corpus in every layout gives the same clips; and how a layout is recognised or named."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from search_spaces.grammar.errors import InputError
from study.corpus import Clip, Corpus, read_corpus
from study.corpus.layouts import LAYOUTS
from support.laid_out import LAID_OUT, folders, write_csv


def what_they_are(clips: Iterable[Clip]) -> list[tuple[object, ...]]:
    return sorted(
        (Path(c.file_name).name, c.path.read_bytes(), c.label or "?", c.partition, c.speaker)
        for c in clips
    )


@pytest.mark.parametrize("name", LAID_OUT)
def test_every_layout_is_recognised_and_gives_the_same_clips(
    truth: Corpus, tmp_path: Path, name: str
) -> None:
    LAID_OUT[name](truth, tmp_path / "c")
    corpus = read_corpus(tmp_path / "c")
    assert corpus.layout == name
    assert corpus.classes == truth.classes
    assert what_they_are(corpus.clips) == what_they_are(truth.clips)
    if name == "audformat":
        assert {clip.metadata["gender"] for clip in corpus.clips} == {"f"}


@pytest.mark.parametrize("name", LAID_OUT)
def test_the_corpus_description_counts_for_every_layout(
    truth: Corpus, tmp_path: Path, name: str
) -> None:
    LAID_OUT[name](truth, tmp_path / "c")
    (tmp_path / "c/corpus.json").write_text(json.dumps({"simulated": True, "name": "Toy"}))
    corpus = read_corpus(tmp_path / "c")
    assert (corpus.name, corpus.simulated) == ("Toy", True)


def test_no_layout_is_left_untried(truth: Corpus) -> None:
    assert {truth.layout, *LAID_OUT} == {layout.name for layout in LAYOUTS}


def test_the_names_of_layouts_are_unique_and_described() -> None:
    assert len({layout.name for layout in LAYOUTS}) == len(LAYOUTS)
    assert all(layout.shape for layout in LAYOUTS)


def test_a_layout_may_be_named_and_a_wrong_name_is_told_the_right_ones(
    truth: Corpus, tmp_path: Path
) -> None:
    folders(truth, tmp_path / "c")
    write_csv(tmp_path / "c/other.csv", [["file", "label"], ["train/mask/x.wav", "a"]])
    assert read_corpus(tmp_path / "c", layout="folders").layout == "folders"
    with pytest.raises(InputError, match=r"got 'folder' \(did you mean folders\?\)"):
        read_corpus(tmp_path / "c", layout="folder")


def test_class_folders_alone_are_a_corpus_without_partitions(tmp_path: Path) -> None:
    for name in ("yes/a.wav", "no/deep/b.wav"):
        (tmp_path / name).parent.mkdir(parents=True)
        soundfile.write(tmp_path / name, np.zeros(8), 8000)
    partitions = tmp_path / "p.csv"
    write_csv(partitions, [["file_name", "partition"], ["yes/a.wav", "train"]])
    with pytest.raises(InputError) as caught:
        read_corpus(tmp_path, partitions=partitions)
    assert "none for 'no/deep/b.wav'" in caught.value.problems[0]
    assert any("train must have at least 2 classes, got 'yes'" in p for p in caught.value.problems)


def test_a_folder_that_nothing_recognises_is_told_what_is_known_and_what_is_there(
    tmp_path: Path,
) -> None:
    (tmp_path / "notes.csv").write_text("a,b\n")
    soundfile.write(tmp_path / "loose.wav", np.zeros(8), 8000)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError) as caught:
        read_corpus(tmp_path)
    (told,) = caught.value.problems
    assert all(layout.name in told for layout in LAYOUTS)
    assert told.endswith(
        "there are 1 .wav files; folders empty; notes.csv with the columns 'a', 'b'"
    )

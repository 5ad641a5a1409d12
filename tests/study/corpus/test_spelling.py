"""One name in two spellings: refused where nobody sees the difference, else told by the check."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import soundfile

from search_spaces.grammar.errors import InputError
from study.checking.check import check_corpus
from study.corpus import list_corpus, read_corpus
from study.corpus.corpus import Reading
from study.corpus.spelling import alike_names, same_names, seen

RATE = 8000


def lay_out(root: Path, files: Mapping[str, str], names: list[str]) -> Path:
    for i, name in enumerate(names):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        noise = 0.1 * np.random.default_rng(i).standard_normal(RATE // 5)
        soundfile.write(root / name, noise, RATE)
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, "utf-8")
    return root


def manifest(root: Path, speakers: list[str], labels: list[str] | None = None) -> Path:
    """Clips of train, then of devel, with these speakers and labels."""
    labels = labels or ["a", "b"] * (len(speakers) // 2)
    half = len(speakers) // 2
    lines = [
        f'{i}.wav,"{label}",{"train" if i < half else "devel"},"{speaker}"'
        for i, (speaker, label) in enumerate(zip(speakers, labels, strict=True))
    ]
    text = "\n".join(["file_name,label,partition,speaker", *lines])
    return lay_out(root, {"manifest.csv": text}, [f"{i}.wav" for i in range(len(speakers))])


def problems_of(root: Path) -> str:
    with pytest.raises(InputError) as refused:
        read_corpus(root)
    return " | ".join(refused.value.problems)


@pytest.mark.parametrize(
    ("one", "other", "how"),
    [
        ("anna", "anna ", "white space"),
        ("anna b", "anna\u00a0b", "white space"),
        ("anna b", "anna  b", "white space"),
        ("anna", "anna\u200b", "characters that nobody sees"),
        ("anna", "\ufeffanna", "characters that nobody sees"),
        ("anna", "an\u00adna", "characters that nobody sees"),
        ("ren\u00e9", "rene\u0301", "their Unicode form"),
    ],
)
def test_what_nobody_sees_makes_no_second_speaker_and_no_second_class(
    tmp_path: Path, one: str, other: str, how: str
) -> None:
    root = manifest(tmp_path / "speakers", [one, one, one, other])
    told = problems_of(root)
    first, second = sorted([one, other])
    n = (3, 1) if first == one else (1, 3)
    assert f"speakers must differ in more than {how}, got {first!a} and {second!a}" in told
    assert f"on {n[0]} and {n[1]} clips" in told
    with pytest.raises(InputError, match="speakers must differ"):  # partitions are made by speaker
        list_corpus(root)
    labels = [one, other, "z", "z", one, "z", "z", "z"]
    told = problems_of(manifest(tmp_path / "labels", list("aabbccdd"), labels))
    assert f"labels must differ in more than {how}, got {first!a} and {second!a}" in told


def test_a_blind_label_may_have_white_space_around_it(tmp_path: Path) -> None:
    told = problems_of(manifest(tmp_path, list("abcd"), ["x", "y", " ? ", "y"]))
    assert told.endswith("a clip of train or devel must have a label, got '?' for '2.wav'")


def test_a_column_with_gaps_makes_no_second_speaker(tmp_path: Path) -> None:
    told = problems_of(manifest(tmp_path, ["1.0", "2.0", "1", "2"]))
    assert told.count("speakers must differ in more than a decimal point") == 2
    assert "got '1' and '1.0' on 1 and 1 clips" in told


def test_a_speaker_or_label_that_nobody_sees_is_refused(tmp_path: Path) -> None:
    told = problems_of(manifest(tmp_path, ["\u200b", "x", "y", "y"]))
    assert "a speaker must be text that can be seen, got '\\u200b'" in told


def test_the_check_asks_about_names_that_are_nearly_the_same(tmp_path: Path) -> None:
    speakers = ["Anna", "Anna", "01", "2", "anna", "anna", "1", "Bob"]
    labels = ["Zero", "zero", "1.0", "1", "Zero", "zero", "1.0", "1"]
    root = manifest(tmp_path / "c", speakers, labels)
    assert read_corpus(root).classes == ("1", "1.0", "Zero", "zero")
    found = {
        one.kind: one.names
        for one in check_corpus(Reading(root), cache_root=tmp_path / "cache").findings
    }
    assert found["alike"] == (
        "labels '1' (2 clips) and '1.0' (2 clips)",
        "labels 'Zero' (2 clips) and 'zero' (2 clips)",
        "speakers '01' (1 clip) and '1' (1 clip)",
        "speakers 'Anna' (2 clips) and 'anna' (2 clips)",
    )
    assert "no speaker" not in found


def test_a_label_of_devel_that_train_has_otherwise_is_named(tmp_path: Path) -> None:
    told = problems_of(manifest(tmp_path, list("abcd"), ["yes", "no", "Yes", "no"]))
    assert "must be in train too, got 'Yes' on 1 clips: 'Yes' and 'yes' are nearly the same" in told


def test_names_that_look_the_same_are_found_in_any_number_and_others_are_left_alone() -> None:
    names = ["a", "a ", " a", "b", "b\u200b", "c"]
    assert [pair[:2] for pair in same_names(names, numbers=False)] == [
        (" a", "a"),
        (" a", "a "),
        ("b", "b\u200b"),
    ]
    different = ["1", "1.0", "10", "m2", "m\u00b2", "A", "a", "c++", "c"]
    assert list(same_names(different, numbers=False)) == []
    assert alike_names(different) == [("1", "1.0"), ("A", "a"), ("m2", "m\u00b2")]
    assert seen("\u200b \u2060") == ""


def test_speakers_that_are_no_clips_are_refused(tmp_path: Path) -> None:
    names = ["train_1.wav", "train_2.wav", "devel_1.wav"]
    labels = "file_name,label\ntrain_1.wav,a\ntrain_2.wav,b\ndevel_1.wav,a\n"
    speakers = "file_name,speaker\ntrain_1,s1\ntrain_2,s2\n"
    files = {"lab/labels.csv": labels, "lab/speakers.csv": speakers}
    root = lay_out(tmp_path / "c", files, [f"wav/{name}" for name in names])
    assert problems_of(root).endswith(
        "lab/speakers.csv: must name clips of the corpus, got none in 2: 'train_1' and not"
        " 'train_1.wav'"
    )
    inside = [f"{part}/{label}/1.wav" for part in ("train", "devel") for label in "ab"]
    root = lay_out(tmp_path / "f", {"speakers.csv": "file,speaker\n1.wav,s\n"}, inside)
    assert "speakers.csv: must name clips of the corpus" in problems_of(root)


def test_a_second_speaker_in_another_file_is_refused(tmp_path: Path) -> None:
    names = ["train_1.wav", "train_2.wav", "devel_1.wav"]
    labels = "file_name,label,speaker\ntrain_1.wav,a,s1\ntrain_2.wav,b,\ndevel_1.wav,a,s3\n"
    speakers = "file_name,speaker\ntrain_1.wav,s9\ntrain_2.wav,s2\n"
    files = {"lab/labels.csv": labels, "lab/speakers.csv": speakers}
    root = lay_out(tmp_path / "c", files, [f"wav/{name}" for name in names])
    told = problems_of(root)
    assert told.endswith(
        "line 2: a clip must have one speaker, got 's1' and, in lab/speakers.csv, 's9' for"
        " 'train_1.wav'"
    )
    (root / "lab/speakers.csv").write_text("file_name,speaker\ntrain_2.wav,s2\n")
    assert [clip.speaker for clip in read_corpus(root).clips] == ["s1", "s2", "s3"]


@pytest.mark.parametrize("column", ["speaker", "partition", "gender"])
def test_a_column_that_stands_twice_is_refused(tmp_path: Path, column: str) -> None:
    root = manifest(tmp_path, ["a", "b", "c", "d"])
    header, *lines = (root / "manifest.csv").read_text().splitlines()
    lines = [f"{line},x,y" for line in lines]
    (root / "manifest.csv").write_text("\n".join([f"{header},{column},{column}", *lines]))
    assert f"line 1: the header must have one column {column!r}" in problems_of(root)


def test_times_in_a_label_file_of_whole_files_are_refused(tmp_path: Path) -> None:
    names = ["train_1.wav", "train_2.wav", "devel_1.wav"]
    rows = "train_1.wav,a,0,.1\ntrain_2.wav,b,,\ndevel_1.wav,a,,\n"
    files = {"lab/labels.csv": "file_name,label,start,end\n" + rows}
    root = lay_out(tmp_path, files, [f"wav/{name}" for name in names])
    assert problems_of(root).endswith(
        "line 2: a clip of a label file is a whole file; segments are listed in a manifest, got"
        " '0' and '.1' for 'train_1.wav'"
    )
    (root / "lab/labels.csv").write_text(files["lab/labels.csv"].replace("0,.1", ","))
    assert len(read_corpus(root).clips) == 3


def test_two_label_files_of_one_partition_are_refused(tmp_path: Path) -> None:
    head = "filename,label\n"
    files = {
        "lab/train.csv": head + "1.wav,a\n2.wav,b\n",
        "lab/devel.csv": head + "3.wav,a\n",
        "lab/dev.csv": head + "3.wav,b\n",
    }
    root = lay_out(tmp_path, files, [f"wav/{i}.wav" for i in (1, 2, 3)])
    assert problems_of(root).endswith(
        "lab/dev.csv: there must be one label file of devel, got lab/devel.csv beside it"
    )

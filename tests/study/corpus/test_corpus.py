import json
import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

from search_spaces.grammar.errors import InputError
from study.corpus import Corpus, read_corpus, summarise

DIGITS = Path(__file__).parents[4] / "shared/corpora/fsdd_digits"

GOOD = {
    "train_1.wav": "no",
    "train_2.wav": "NA",
    "train_3.wav": "01",
    "devel_1.wav": "NA",
    "test_1.wav": "?",
}


def lay_out(
    root: Path,
    labels: dict[str, str] | str | bytes = GOOD,
    *,
    audio: list[str] | None = None,
    speakers: str | None = None,
    info: str | None = None,
) -> Path:
    (root / "wav").mkdir(parents=True)
    (root / "lab").mkdir()
    names = list(GOOD) if audio is None else audio
    for name in names:
        (root / "wav" / name).parent.mkdir(exist_ok=True, parents=True)
        soundfile.write(root / "wav" / name, np.zeros(8), 8000)
    if isinstance(labels, dict):
        rows = [f"{name},{label}" for name, label in labels.items()]
        labels = "\n".join(["file_name,label", *rows]) + "\n"
    data = labels if isinstance(labels, bytes) else labels.encode()
    (root / "lab/labels.csv").write_bytes(data)
    if speakers is not None:
        (root / "lab/speakers.csv").write_text(speakers)
    if info is not None:
        (root / "corpus.json").write_text(info)
    return root


def problems(root: Path) -> tuple[str, ...]:
    with pytest.raises(InputError) as caught:
        read_corpus(root)
    assert all("\n" not in problem for problem in caught.value.problems)
    return caught.value.problems


def only_problem(root: Path) -> str:
    told = problems(root)
    assert len(told) == 1, told
    return told[0]


def test_labels_stay_the_text_they_are_and_classes_are_sorted_by_code_point(tmp_path: Path) -> None:
    corpus = read_corpus(lay_out(tmp_path / "c"))
    assert corpus.classes == ("01", "NA", "no")
    assert [clip.label for clip in corpus.partition("train")] == ["no", "NA", "01"]


def test_clips_keep_the_order_of_the_label_file(tmp_path: Path) -> None:
    labels = {name: GOOD[name] for name in reversed(GOOD)}
    corpus = read_corpus(lay_out(tmp_path / "c", labels))
    assert [clip.file_name for clip in corpus.clips] == list(labels)
    assert corpus.clips[0].path == tmp_path.resolve() / "c/wav/test_1.wav"


def test_test_labels_are_forgotten_even_when_they_are_there(tmp_path: Path) -> None:
    corpus = read_corpus(lay_out(tmp_path / "c", GOOD | {"test_1.wav": "no"}))
    assert corpus.partition("test")[0].label is None
    assert "no" not in repr(corpus.partition("test"))


def test_a_byte_order_mark_crlf_and_empty_lines_are_allowed(tmp_path: Path) -> None:
    text = "\ufefffile_name,label\r\n" + "".join(f"{k},{v}\r\n\r\n" for k, v in GOOD.items())
    assert len(read_corpus(lay_out(tmp_path / "c", text)).clips) == 5


def test_columns_may_come_in_any_order_beside_others(tmp_path: Path) -> None:
    rows = "".join(f"x,{v},{k}\n" for k, v in GOOD.items())
    assert len(read_corpus(lay_out(tmp_path / "c", "age,label,file_name\n" + rows)).clips) == 5


@pytest.mark.parametrize("prefix", ["devel", "dev", "val", "validation", "DEV"])
def test_a_partition_goes_by_its_usual_names(tmp_path: Path, prefix: str) -> None:
    name = f"{prefix}_1.wav"
    labels = {"train_1.wav": "a", "train_2.wav": "b", name: "a"}
    corpus = read_corpus(lay_out(tmp_path / "c", labels, audio=list(labels)))
    assert [clip.file_name for clip in corpus.partition("devel")] == [name]


def test_clips_may_lie_in_folders_of_wav(tmp_path: Path) -> None:
    labels = {"x/train_1.wav": "a", "x/train_2.wav": "b", "y/devel_1.wav": "a"}
    corpus = read_corpus(lay_out(tmp_path / "c", labels, audio=list(labels)))
    assert [clip.partition for clip in corpus.clips] == ["train", "train", "devel"]


def test_speakers_are_read_where_known(tmp_path: Path) -> None:
    speakers = "file_name,speaker\ntrain_1.wav,anna\ntrain_2.wav,?\nelsewhere.wav,bob\n"
    corpus = read_corpus(lay_out(tmp_path / "c", speakers=speakers))
    assert [clip.speaker for clip in corpus.clips] == ["anna", None, None, None, None]


def test_a_simulated_corpus_says_so_in_its_summary(tmp_path: Path) -> None:
    corpus = read_corpus(lay_out(tmp_path / "c", info='{"simulated": true, "name": "Toy"}'))
    assert (corpus.name, corpus.simulated) == ("Toy", True)
    assert "SIMULATED" in summarise(corpus)
    assert "SIMULATED" not in summarise(read_corpus(lay_out(tmp_path / "real")))


def test_the_summary_counts_what_there_is(tmp_path: Path) -> None:
    speakers = "file_name,speaker\ntrain_1.wav,anna\ntrain_2.wav,bob\ndevel_1.wav,anna\n"
    text = summarise(read_corpus(lay_out(tmp_path / "c", speakers=speakers)), [1.0] * 4 + [3.0])
    assert "3 classes, chance 33.3% UAR" in text
    assert "train       3 clips, 2 speakers, 01 1, NA 1, no 1, 1.00 to 1.00 s" in text
    assert "labels blind, 3.00 to 3.00 s" in text
    assert "speakers in more than one partition: anna" in text
    assert len(text.splitlines()) <= 10


def test_an_unknown_partition_cannot_be_asked_for(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="got 'dev'"):
        read_corpus(lay_out(tmp_path / "c")).partition("dev")


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    assert only_problem(tmp_path / "no") == f"{tmp_path / 'no'}: a corpus must be a folder " + (
        "that exists, or a manifest CSV"
    )


def test_a_folder_of_no_known_layout_is_told_which_are_known(tmp_path: Path) -> None:
    assert "lab/labels.csv (file_name,label)" in only_problem(tmp_path)


def test_a_label_file_without_the_column_names_the_columns_it_has(tmp_path: Path) -> None:
    root = lay_out(tmp_path / "c", "file_name,class\ntrain_1.wav,a\n")
    told = only_problem(root)
    assert told.endswith(
        "lab/labels.csv line 1: the header must have one column 'label', got 'file_name', 'class'"
    )


@pytest.mark.parametrize("text", ["", "\n", "file_name,label\n"])
def test_a_label_file_that_lists_nothing_is_refused(tmp_path: Path, text: str) -> None:
    assert problems(lay_out(tmp_path / "c", text))


def test_a_line_with_too_few_or_too_many_values_is_named(tmp_path: Path) -> None:
    rows = "".join(f"{k},{v}\n" for k, v in GOOD.items())
    told = problems(lay_out(tmp_path / "c", f"file_name,label\n{rows}train_1.wav\na,b,c\n"))
    assert len(told) == 2
    assert "labels.csv line 7: a line must have the header's 2 values, got 1" in told[0]
    assert "labels.csv line 8" in told[1]


def test_bytes_that_are_not_utf8_are_named_by_their_line(tmp_path: Path) -> None:
    root = lay_out(tmp_path / "c", b"file_name,label\ntrain_1.wav,\xfcber\n")
    assert "lab/labels.csv line 2: must be UTF-8 text, got byte 0xfc" in only_problem(root)


def test_a_clip_listed_twice_is_refused(tmp_path: Path) -> None:
    rows = "".join(f"{k},{v}\n" for k, v in GOOD.items())
    told = only_problem(lay_out(tmp_path / "c", f"file_name,label\n{rows}train_1.wav,NA\n"))
    assert "labels.csv line 7: a clip must be listed once, got 'train_1.wav' again after" in told
    assert told.endswith("lab/labels.csv line 2")


def test_a_listed_clip_must_be_on_disk(tmp_path: Path) -> None:
    root = lay_out(tmp_path / "c")
    (root / "wav/train_2.wav").unlink()
    told = only_problem(root)
    assert told.endswith(
        "lab/labels.csv line 3: a listed clip must be a file on disk, got 'train_2.wav'"
    )


def test_a_folder_is_not_a_clip(tmp_path: Path) -> None:
    root = lay_out(tmp_path / "c", GOOD | {"train_9.wav": "no"})
    (root / "wav/train_9.wav").mkdir()
    assert "must be a file on disk, got 'train_9.wav'" in only_problem(root)


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("/etc/train_x.wav", "must be relative"),
        ("C:/train_x.wav", "must be relative"),
        ("..\\train_x.wav", "must be relative"),
        ("../train_x.wav", "must not climb out"),
        ("a/../../train_x.wav", "must not climb out"),
        ("train_9/", "must not be empty"),
    ],
)
def test_a_file_name_must_stay_inside_the_corpus(tmp_path: Path, name: str, rule: str) -> None:
    root = lay_out(tmp_path / "c", GOOD | {name: "no"})
    soundfile.write(root / "train_x.wav", np.zeros(8), 8000)
    told = problems(root)
    assert f"a file name {rule}" in told[0]
    assert told[0].endswith(f"got {name!r}")


def test_a_clip_that_links_out_of_the_corpus_is_refused(tmp_path: Path) -> None:
    root = lay_out(tmp_path / "c")
    (root / "wav/train_1.wav").rename(tmp_path / "outside.wav")
    (root / "wav/train_1.wav").symlink_to(tmp_path / "outside.wav")
    assert "a file must not link out of the corpus folder, got 'train_1.wav'" in only_problem(root)


def test_a_folder_that_links_out_of_the_corpus_is_refused(tmp_path: Path) -> None:
    root = lay_out(tmp_path / "c")
    (root / "wav").rename(tmp_path / "outside")
    (root / "wav").symlink_to(tmp_path / "outside")
    assert all("a file must not link out of the corpus folder" in told for told in problems(root))


def test_links_inside_the_corpus_and_to_the_corpus_are_fine(tmp_path: Path) -> None:
    root = lay_out(tmp_path / "c")
    (root / "audio").mkdir()
    (root / "wav/train_1.wav").rename(root / "audio/one.wav")
    (root / "wav/train_1.wav").symlink_to(root / "audio/one.wav")
    (tmp_path / "link").symlink_to(root)
    assert len(read_corpus(tmp_path / "link").clips) == 5


def test_an_unknown_partition_is_refused(tmp_path: Path) -> None:
    labels = GOOD | {"dev1.wav": "no"}
    told = only_problem(lay_out(tmp_path / "c", labels, audio=list(labels)))
    assert "the partition must be train, devel (dev, val, validation) or test" in told
    assert told.endswith("got 'dev1.wav' for 'dev1.wav'")


@pytest.mark.parametrize("label", ["?", "", " "])
def test_a_train_clip_without_a_label_is_refused(tmp_path: Path, label: str) -> None:
    told = only_problem(lay_out(tmp_path / "c", GOOD | {"train_1.wav": label}))
    assert told.endswith(
        f"labels.csv line 2: a clip of train or devel must have a label, "
        f"got {label!r} for 'train_1.wav'"
    )


@pytest.mark.parametrize("absent", ["train", "devel"])
def test_a_corpus_without_train_or_devel_is_refused(tmp_path: Path, absent: str) -> None:
    labels = {name: label for name, label in GOOD.items() if not name.startswith(absent)}
    told = only_problem(lay_out(tmp_path / "c", labels))
    assert f"there must be {absent} clips with labels, got none" in told


def test_a_corpus_without_test_clips_is_fine(tmp_path: Path) -> None:
    labels = {name: label for name, label in GOOD.items() if not name.startswith("test")}
    assert read_corpus(lay_out(tmp_path / "c", labels)).partition("test") == ()


def test_one_class_is_nothing_to_learn(tmp_path: Path) -> None:
    told = only_problem(lay_out(tmp_path / "c", {"train_1.wav": "a", "devel_1.wav": "a"}))
    assert "train must have at least 2 classes, got 'a'" in told


def test_a_class_that_only_devel_has_is_refused(tmp_path: Path) -> None:
    told = only_problem(lay_out(tmp_path / "c", GOOD | {"devel_1.wav": "yes"}))
    assert "a class of devel must be in train too, got 'yes' on 1 clips" in told


def test_labels_that_differ_by_white_space_are_refused(tmp_path: Path) -> None:
    told = only_problem(lay_out(tmp_path / "c", GOOD | {"train_1.wav": "NA "}))
    assert "labels must differ in more than white space, got 'NA' and 'NA '" in told


def test_two_speakers_of_one_clip_are_refused(tmp_path: Path) -> None:
    speakers = "file_name,speaker\ntrain_1.wav,anna\ntrain_1.wav,bob\n"
    told = only_problem(lay_out(tmp_path / "c", speakers=speakers))
    assert "lab/speakers.csv line 3: a clip must have one speaker, got 'anna' and 'bob'" in told


@pytest.mark.parametrize("info", ["{", "[]", '{"simulated": "yes"}', '{"name": 3}'])
def test_a_wrong_description_is_refused(tmp_path: Path, info: str) -> None:
    assert "corpus.json:" in only_problem(lay_out(tmp_path / "c", info=info))


def test_everything_wrong_is_told_at_once(tmp_path: Path) -> None:
    labels = GOOD | {"../train_7.wav": "no", "odd.wav": "no", "train_8.wav": "no"}
    root = lay_out(tmp_path / "c", labels, audio=[*GOOD, "odd.wav"], info="{")
    assert len(problems(root)) == 4


def test_hundreds_alike_are_one_sentence_with_the_first_names(tmp_path: Path) -> None:
    labels = GOOD | {f"train_{n}.wav": "no" for n in range(100, 400)}
    told = only_problem(lay_out(tmp_path / "c", labels))
    assert told.endswith(
        "lab/labels.csv: a listed clip must be a file on disk, broken 300 times, first by "
        "'train_100.wav' (line 7), 'train_101.wav' (line 8), 'train_102.wav' (line 9)"
    )


@pytest.fixture(scope="module")
def digits() -> Corpus:
    if not DIGITS.is_dir():
        pytest.skip("the digits corpus is not beside this checkout")
    return read_corpus(DIGITS)


def test_real_digits_are_read_as_they_are_described(digits: Corpus) -> None:
    assert {name: len(digits.partition(name)) for name in ("train", "devel", "test")} == {
        "train": 2000,
        "devel": 500,
        "test": 500,
    }
    assert digits.classes == tuple(sorted(digits.classes))
    assert len(digits.classes) == 10
    assert len({clip.speaker for clip in digits.partition("train")}) == 4
    assert not digits.simulated
    assert all(clip.label is None for clip in digits.partition("test"))


def test_the_corpus_description_is_kept(tmp_path: Path) -> None:
    info = {"simulated": False, "licence": "CC0", "seed": 3}
    corpus = read_corpus(lay_out(tmp_path / "c", info=json.dumps(info)))
    assert corpus.info == info
    assert corpus.name == "c"
    assert "licence CC0" in summarise(corpus)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file")
def test_a_label_file_that_may_not_be_read_is_named(tmp_path: Path) -> None:
    root = lay_out(tmp_path / "c")
    (root / "lab/labels.csv").chmod(0)
    assert "lab/labels.csv: must be there and readable" in problems(root)[0]

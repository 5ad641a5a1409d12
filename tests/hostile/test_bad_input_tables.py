"""Label files, scores, manifests and prediction tables as they come: read as meant, or refused."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

from search_spaces.grammar.errors import InputError
from study.bundle.predict_inputs import collect
from study.challenge.score import read_labels
from study.corpus import read_corpus, summarise
from study.fusion.prediction_csv import import_predictions

pytestmark = pytest.mark.timeout(60)
NAMES = ["train_1.wav", "train_2.wav", "devel_1.wav", "devel_2.wav", "test_1.wav"]
LABELS = ["a", "b", "a", "b", "?"]


def csv_of(names=NAMES, labels=LABELS, *, head="file_name,label", sep=",", end="\n") -> str:
    rows = [f"{name}{sep}{label}" for name, label in zip(names, labels, strict=True)]
    return end.join([head.replace(",", sep), *rows]) + end


def lay_out(root: Path, labels: str | bytes, *, audio=NAMES, **files: str | bytes) -> Path:
    (root / "wav").mkdir(parents=True)
    (root / "lab").mkdir()
    for name in audio:
        soundfile.write(root / "wav" / name, np.zeros(8), 8000)
    files = {"lab/labels.csv": labels} | {k.replace("__", "/"): v for k, v in files.items()}
    for name, content in files.items():
        name = {"speakers": "lab/speakers.csv", "info": "corpus.json"}.get(name, name)
        data = content if isinstance(content, bytes) else content.encode()
        (root / name).write_bytes(data)
    return root


def problems_of(make) -> str:
    with pytest.raises(InputError) as refused:
        make()
    for problem in refused.value.problems:
        assert "\n" not in problem
        assert len(problem) < 600
    return " | ".join(refused.value.problems)


def relabelled(*labels: str) -> str:
    return csv_of(labels=[*labels, *labels, "?"])


KEPT = {
    "plain": (csv_of(), ("a", "b")),
    "a byte order mark": ("\ufeff" + csv_of(), ("a", "b")),
    "CRLF": (csv_of(end="\r\n"), ("a", "b")),
    "CR": (csv_of(end="\r"), ("a", "b")),
    "semicolons": (csv_of(sep=";"), ("a", "b")),
    "tabs": (csv_of(sep="\t"), ("a", "b")),
    "quotes": (csv_of([f'"{n}"' for n in NAMES], [f'"{x}"' for x in LABELS]), ("a", "b")),
    "spaces in the header": (csv_of(head=" file_name , label "), ("a", "b")),
    "no and NA": (relabelled("no", "NA"), ("NA", "no")),
    "01 and 1": (relabelled("01", "1"), ("01", "1")),
    "1 and 1.0": (relabelled("1", "1.0"), ("1", "1.0")),
    "nan and None": (relabelled("nan", "None"), ("None", "nan")),
    "true and false": (relabelled("true", "false"), ("false", "true")),
    "+1 and -1": (relabelled("+1", "-1"), ("+1", "-1")),
    "formulas": (relabelled("=1+1", "@SUM(A1)"), ("=1+1", "@SUM(A1)")),
    "tags": (relabelled("<script>", "&amp;"), ("&amp;", "<script>")),
    "a path as a label": (relabelled("../x", "/y"), ("../x", "/y")),
    "cases": (relabelled("A", "a"), ("A", "a")),
    "other scripts": (relabelled("да", "нет"), ("да", "нет")),
    "a comma in quotes": (relabelled('"a,b"', "c"), ("a,b", "c")),
    "a quote in quotes": (relabelled('"a""b"', "c"), ('a"b', "c")),
}


@pytest.mark.parametrize("name", KEPT)
def test_labels_stay_the_text_they_are(tmp_path: Path, name: str):
    text, classes = KEPT[name]
    corpus = read_corpus(lay_out(tmp_path / "c", text))
    assert corpus.classes == classes
    assert [clip.file_name for clip in corpus.clips] == NAMES
    assert summarise(corpus)


def named(name: str) -> str:
    return csv_of([name, *NAMES[1:]])


REFUSED = {
    "nothing": ("", "the header must have one column"),
    "an empty line first": ("\n" + csv_of(), "got an empty file"),
    "no header": (csv_of().partition("\n")[2], "the header must have one column"),
    "another case": (csv_of(head="File_Name,Label"), "the header must have one column"),
    "a column twice": (csv_of(head="label,label"), "the header must have one column"),
    "100,000 commas": ("," * 100_000 + "\n", "the header must have one column"),
    "an open quote": (csv_of(labels=["a", '"b', "a", "b", "?"]), "must be CSV"),
    "text after a quote": (csv_of(labels=['"a"x', "b", "a", "b", "?"]), "must be CSV"),
    "a field of 200,000": (relabelled("x" * 200_000, "b"), "must be CSV"),
    "a label of 201": (relabelled("x" * 201, "b"), "a label must have at most 200 characters"),
    "a line end in a label": (relabelled('"b\nc"', "a"), "must not hold control characters"),
    "an escape sequence": (relabelled("\x1b[2J", "a"), "must not hold control characters"),
    "a null byte": (relabelled("b\0", "a"), "must not hold control characters"),
    "a line separator": (relabelled("b\u2028", "a"), "must not hold control characters"),
    "not a character": (
        relabelled("b\uffff", "a"),
        "must not hold control characters",
    ),
    "white space apart": (csv_of(labels=[" a", "a", " a", "a", "?"]), "more than white space"),
    "Unicode forms apart": (relabelled("\u00e9", "e\u0301"), "more than their Unicode form"),
    "UTF-16": (csv_of().encode("utf-16"), "line 1: must be UTF-8 text, got byte 0xff"),
    "Latin-1": (relabelled("\u00e4", "b").encode("latin1"), "must be UTF-8 text, got byte 0xe4"),
    "a name twice": (csv_of([*NAMES, "train_1.wav"], [*LABELS, "a"]), "must be listed once"),
    "a name in two ways": (csv_of([*NAMES, "./train_1.wav"], [*LABELS, "a"]), "listed once"),
    "a name that climbs": (named("../train_1.wav"), "must not climb out"),
    "a name that climbs late": (named("x/../../train_1.wav"), "must not climb out"),
    "an absolute name": (named("/etc/train_1.wav"), "must be relative"),
    "a drive": (named("C:/train_1.wav"), "must be relative"),
    "a backslash": (named("..\\train_1.wav"), "must be relative"),
    "a host": (named("//host/train_1.wav"), "must be relative"),
    "a URL": (named("file:///etc/train_1.wav"), "must be a file on disk"),
    "a home": (named("~/train_1.wav"), "must be a file on disk"),
    "an empty name": (named(""), "must not be empty"),
    "a folder as a name": (named("train_1.wav/"), "must not be empty"),
    "a line end in a name": (named('"train_\n1.wav"'), "must not hold control characters"),
    "a null byte in a name": (named("train_1.wav\0"), "must not hold control characters"),
    "another case of a name": (named("TRAIN_1.wav"), "must be a file on disk"),
    "a space after a name": (named("train_1.wav "), "must be a file on disk"),
    "a name of 300": (named(f"train_{'x' * 300}.wav"), "must be a file on disk"),
    "the other Unicode form": (named("train_\u00fc.wav"), "must be a file on disk"),
    "no partition": (named("1.wav"), "the partition must be"),
    "too few values": (csv_of() + "train_9.wav\n", "must have the header's 2 values"),
    "too many values": (csv_of() + "train_9.wav,a,b\n", "must have the header's 2 values"),
    "an empty label": (relabelled("", "b"), "must have a label"),
    "one class": (relabelled("a", "a"), "at least 2 classes"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_label_files_are_refused_in_sentences(tmp_path: Path, name: str):
    text, part = REFUSED[name]
    root = lay_out(tmp_path / "c", text, audio=[*NAMES, "train_u\u0308.wav"])
    assert part in problems_of(lambda: read_corpus(root))


BESIDE = {
    "speakers without a column": ({"speakers": "file_name,who\n"}, "one column 'speaker'"),
    "binary speakers": ({"speakers": b"\xff\xfe\0\0"}, "speakers.csv line 1: must be UTF-8"),
    "empty speakers": ({"speakers": ""}, "got an empty file"),
    "a speaker of two lines": (
        {"speakers": 'file_name,speaker\ntrain_1.wav,"a\nb"\n'},
        "a speaker must not hold control characters",
    ),
    "two speakers": (
        {"speakers": "file_name,speaker\ntrain_1.wav,a\ntrain_1.wav,b\n"},
        "a clip must have one speaker",
    ),
    "a deep description": ({"info": "[" * 100_000}, "corpus.json: must be a JSON object"),
    "half a description": ({"info": '{"name": "x"'}, "corpus.json: must be a JSON object"),
    "a binary description": ({"info": b"\xff\xff"}, "corpus.json: must be a JSON object"),
    "a list as description": ({"info": "[]"}, "corpus.json: must be a JSON object"),
    "a number of 5,000 digits": ({"info": '{"x": %s}' % ("9" * 5000)}, "must be a JSON object"),
    "simulated as text": ({"info": '{"simulated": "no"}'}, "simulated must be true or false"),
    "a name of two lines": ({"info": '{"name": "a\\nb"}'}, "name must be text on one line"),
    "an escape in the name": ({"info": '{"name": "a\\u001b[2J"}'}, "name must be text on one"),
    "half a character": ({"info": '{"name": "a\\ud800"}'}, "name must be text on one line"),
}


@pytest.mark.parametrize("name", BESIDE)
def test_files_beside_the_labels_are_refused_in_sentences(tmp_path: Path, name: str):
    files, part = BESIDE[name]
    root = lay_out(tmp_path / "c", csv_of(), **files)
    assert part in problems_of(lambda: read_corpus(root))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes")
def test_a_pipe_or_a_device_in_place_of_a_file_is_not_waited_for(tmp_path: Path):
    root = lay_out(tmp_path / "c", csv_of())
    os.mkfifo(root / "lab/speakers.csv")
    assert "must be a regular file" in problems_of(lambda: read_corpus(root))
    (root / "lab/speakers.csv").unlink()
    (root / "lab/speakers.csv").symlink_to("/dev/zero")
    assert "must be a regular file" in problems_of(lambda: read_corpus(root))
    os.mkfifo(tmp_path / "x.csv")
    assert "must be a regular file" in problems_of(lambda: read_labels(tmp_path / "x.csv", [], ()))
    os.mkfifo(tmp_path / "x.wav")
    assert "no file" in problems_of(lambda: collect([str(tmp_path / "x.wav")], stdin=io.StringIO()))


# What scores, manifests and predictions have in common: two clips, labelled x and y.
ROWS = ["a.wav,x", "b.wav,y"]


def table(rows=ROWS, *, head="file_name,label", sep=",", end="\n") -> str:
    return (end.join([head, *rows]) + end).replace(",", sep)


def score(path: Path):
    return read_labels(path, ["a.wav", "b.wav"], ("x", "y"))


def manifest(path: Path):
    return [item.label for item in collect([str(path)], stdin=io.StringIO())]


def system(path: Path):
    text = path.read_bytes() if path.is_file() else None
    if text is not None:
        path.write_bytes(text.replace(b"label", b"prediction"))
    options = {"file_names": {"devel": ["a.wav", "b.wav"]}, "trained_on": "train"}
    found = import_predictions(path, classes=("x", "y"), **options)
    return ["xy"[code] for code in found.probabilities["devel"].argmax(1)]


READERS = [score, manifest, system]
SAME = {
    "plain": table(),
    "a byte order mark": "\ufeff" + table(),
    "CRLF": table(end="\r\n"),
    "CR": table(end="\r"),
    "semicolons": table(sep=";"),
    "tabs": table(sep="\t"),
    "quotes": table(['"a.wav","x"', '"b.wav","y"']),
    "empty lines": "\n" + table(end="\n\n"),
    "other columns": table(["1,a.wav,x", "2,b.wav,y"], head="id,file_name,label"),
}
SPOILT = {
    "nothing": "",
    "empty lines alone": "\n\n",
    "a header alone": table([]),
    "too few cells": table(["a.wav", "b.wav,y"]),
    "too many cells": table(["a.wav,x,z", "b.wav,y"]),
    "a clip twice": table([*ROWS, "a.wav,x"]),
    "a clip twice, labels apart": table([*ROWS, "a.wav,y"]),
    "a column twice": table(["a.wav,x,y", "b.wav,y,x"], head="file_name,label,label"),
    "an open quote": table(['a.wav,"x', "b.wav,y"]),
    "a field of 200,000": table([f"a.wav,{'x' * 200_000}", "b.wav,y"]),
    "UTF-16": table().encode("utf-16"),
    "Latin-1": table(["\u00e4.wav,x", *ROWS]).encode("latin1"),
    "no file name": table(head="who,label"),
}


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.__name__)
@pytest.mark.parametrize("name", SAME)
def test_tables_are_read_alike_however_they_were_saved(tmp_path: Path, reader, name: str):
    (tmp_path / "t.csv").write_bytes(SAME[name].encode())
    assert reader(tmp_path / "t.csv") == ["x", "y"]


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.__name__)
@pytest.mark.parametrize("name", SPOILT)
def test_spoilt_tables_are_refused_by_every_reader(tmp_path: Path, reader, name: str):
    content = SPOILT[name]
    path = tmp_path / "t.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert str(path) in problems_of(lambda: reader(path)) or name.startswith("a clip twice")


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.__name__)
@pytest.mark.parametrize("kind", ["missing", "folder", "link"])
def test_what_is_no_table_is_refused(tmp_path: Path, reader, kind: str):
    path = tmp_path / "t.csv"
    if kind == "folder":
        path.mkdir()
    elif kind == "link":
        path.symlink_to(path)
    assert str(path) in problems_of(lambda: reader(path))


@pytest.mark.parametrize("label", ["z", "?", "", "X", "x ", "01", "x\\n"])
def test_a_score_or_a_system_with_another_label_is_refused(tmp_path: Path, label: str):
    (tmp_path / "t.csv").write_text(table([f'a.wav,"{label}"', "b.wav,y"]))
    assert "label must be one of x, y" in problems_of(lambda: score(tmp_path / "t.csv"))
    if label.strip() != "x":
        assert "must be one of x, y" in problems_of(lambda: system(tmp_path / "t.csv"))


@pytest.mark.parametrize(
    "value", ["nan", "inf", "-inf", "1e999", "-0.1", "1.1", "0x1", "1_0", "0,5", "", "x", "½"]
)
def test_a_probability_that_is_none_is_refused(tmp_path: Path, value: str):
    path = tmp_path / "t.csv"
    path.write_text(f'file,x,y\na.wav,"{value}",.5\nb.wav,.5,.5\n', "utf-8")
    assert "must be a probability in [0, 1]" in problems_of(lambda: system(path))


def test_our_own_cells_for_spreadsheets_are_read_back(tmp_path: Path):
    path = tmp_path / "t.csv"
    path.write_text("file_name,prediction\n'=a.wav,'-1\n'@b.wav,'+1\n")
    options = {"file_names": {"devel": ["=a.wav", "@b.wav"]}, "trained_on": "train"}
    found = import_predictions(path, classes=("+1", "-1"), **options)
    assert found.probabilities["devel"].argmax(1).tolist() == [1, 0]


@pytest.mark.parametrize("text", ["a\0b", "x" * 300, "x" * 5000, "nothere.wav", "", "\ud800.wav"])
def test_a_path_that_cannot_be_is_refused(text: str):
    problems_of(lambda: collect([text], stdin=io.StringIO()))


def test_names_that_no_table_can_hold_are_refused(tmp_path: Path):
    odd = os.fsencode(tmp_path) + b"/\xff.wav"
    os.close(os.open(odd, os.O_CREAT | os.O_WRONLY))
    assert "must be UTF-8" in problems_of(lambda: collect([str(tmp_path)], stdin=io.StringIO()))
    lines = io.StringIO("a\x1b[2J.wav\n")
    assert "control characters" in problems_of(lambda: collect(["-"], stdin=lines))


def test_a_folder_that_links_to_itself_is_searched_once(tmp_path: Path):
    (tmp_path / "loop").symlink_to(tmp_path)
    soundfile.write(tmp_path / "a.wav", np.zeros(8), 8000)
    found = collect([str(tmp_path)], stdin=io.StringIO())
    assert [item.name for item in found] == ["a.wav"]

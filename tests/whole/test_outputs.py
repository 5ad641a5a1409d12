"""What a command is asked to write: refused in a sentence before anything is computed or lost."""

from __future__ import annotations

import os
import resource
import sys
from pathlib import Path

import pytest

from study import cli
from support.finished_study import copy_study

LONG = "x" * 300


@pytest.fixture
def place(synthetic, tmp_path, monkeypatch) -> Path:
    """A folder with a corpus, a file and a study.yaml of a person."""
    (tmp_path / "corpus").symlink_to(synthetic)
    (tmp_path / "study.yaml").write_text("# precious\nname: mine\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["status", LONG], f"{LONG}: File name too long"),
        (["run", LONG], f"{LONG}: File name too long"),
        (["partition", "corpus", "--by", "clip", "-o", "no/p.csv"], "no/p.csv: No such file"),
        (["partition", "corpus", "--by", "clip", "-o", "study.yaml/p"], "study.yaml/p: Not a dir"),
        (["demo", "--folder", "study.yaml"], "study.yaml: File exists"),
        (["demo", "--folder", "study.yaml/x"], "study.yaml/x: Not a directory"),
        (["demo", "--folder", "."], "study.yaml: must be the demo's own; name another --folder"),
        (["simulate-mask", "corpus", "study.yaml/x"], "study.yaml: File exists"),
        (["spaces", "demo", "--preview", "corpus", "-o", "d.png"], "d.png: the output must be a f"),
        (["spaces", "demo", "--preview", "corpus", "-o", "no/p.png"], "no/p.png: No such file"),
        (["predict", "b", "corpus/wav/test_00001.wav", "-o", "link"], "link: the output must be a"),
        (["predict", "b", "corpus/wav/test_00001.wav", "-o", "gone"], "gone: the output must be a"),
        (["predict", "b", "corpus/wav/test_00001.wav", "-o", ""], ".: the output must be a file"),
        (["predict", "b", "corpus/wav/test_00001.wav", "-o", "corpus"], "corpus: the output must"),
        (["predict", "b", "a.wav", "-o", "a.wav"], "a.wav: the output must be another file than"),
        (["predict", "b", "corpus/wav/test_00001.wav", "-o", "b/c"], "b/c: the output must not re"),
        (["explain", "b", "--corpus", "corpus", "-o", "a.wav"], "a.wav: the output must be a fold"),
    ],
)
def test_an_output_that_cannot_be_is_a_sentence_and_nothing_is_lost(place, spectune, words, told):
    (place / "d.png").mkdir()
    (place / "b").mkdir()
    (place / "b" / "c").write_text("of the bundle")
    (place / "b" / "bundle.json").write_text("{}")
    (place / "a.wav").write_bytes(b"audio")
    (place / "link").symlink_to("study.yaml")  # as /dev/stdout is one to a file: it was replaced
    (place / "gone").symlink_to("nowhere")
    before = {path: path.read_bytes() for path in place.iterdir() if path.is_file()}
    code, out, err = spectune(*words)
    assert (code, out) == (2, "")
    assert err.startswith(f"spectune: {told}")
    assert err.count("\n") == 1
    assert (place / "link").is_symlink()
    assert (place / "gone").is_symlink()
    assert {path: path.read_bytes() for path in place.iterdir() if path.is_file()} == before


@pytest.mark.parametrize(
    ("csv", "told"),
    [
        ("study.yaml", "must be another file than what is read"),
        ("results/tiny/state.json", "must not replace a file of"),
        ("results", "must be a file, got a folder"),
        ("study.yaml/x.csv", "Not a directory"),
        (LONG, "File name too long"),
    ],
)
@pytest.mark.parametrize("command", ["leaderboard", "ablation"])
def test_a_table_replaces_no_file_of_the_study(
    finished, tmp_path, monkeypatch, spectune, command, csv, told
):
    copy_study(finished, tmp_path)
    monkeypatch.chdir(tmp_path)
    before = (tmp_path / "study.yaml").read_bytes()
    code, out, err = spectune(command, "study.yaml", "--csv", csv)
    assert (code, out) == (2, "")
    assert told in err
    assert (tmp_path / "study.yaml").read_bytes() == before


def test_a_table_may_be_written_again(finished, tmp_path, monkeypatch, spectune):
    copy_study(finished, tmp_path)
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        assert spectune("leaderboard", "study.yaml", "--csv", "board.csv")[0] == 0
    assert (tmp_path / "board.csv").exists()


@pytest.mark.parametrize("number", sorted(cli.NO_SUCH_PATH))
def test_a_path_that_cannot_be_used_is_a_sentence_wherever_it_is_met(monkeypatch, capsys, number):
    def fails() -> None:
        raise OSError(number, os.strerror(number), "a\x1b.csv")

    monkeypatch.setattr(cli, "app", fails)
    monkeypatch.setattr(sys, "argv", ["spectune"])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 2
    assert capsys.readouterr().err == f"spectune: a\\x1b.csv: {os.strerror(number)}\n"
    monkeypatch.setattr(sys, "argv", ["spectune", "--debug"])
    with pytest.raises(OSError, match=r"\.csv"):
        cli.main()


def test_a_reader_that_has_gone_is_no_failure(finished, spectune, monkeypatch):
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as out:
        monkeypatch.setattr(sys, "stdout", out)
        assert spectune("leaderboard", finished)[0] == 0


def test_a_table_that_was_not_written_whole_is_one(finished, spectune, monkeypatch):
    with Path("/dev/full").open("w") as out:
        monkeypatch.setattr(sys, "stdout", out)
        code, _, err = spectune("leaderboard", finished)
    assert code == 3
    assert "not all could be written to standard output: No space left on device" in err


@pytest.mark.parametrize(
    "words",
    [
        ["spaces", "demo", "--preview", "corpus/wav/test_00001.wav", "-o", "p.png"],
        ["partition", "corpus", "--by", "clip", "-o", "p.csv"],
        ["simulate-mask", "corpus", "made"],
    ],
)
def test_an_output_is_written_whole_or_not_at_all(place, spectune, words):
    (place / "p.png").write_bytes(b"before")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    try:
        code, _, err = spectune(*words)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    told = "stopped, files cannot be written: File too large: "
    assert (code, told in err, words[-1] in err) == (3, True, True)
    assert (place / "p.png").read_bytes() == b"before"
    assert sorted(path.name for path in place.iterdir()) == ["corpus", "p.png", "study.yaml"]


@pytest.mark.parametrize("seed", ["-1", "9" * 30])
def test_a_seed_of_an_explanation_is_one_that_torch_takes(place, spectune, seed):
    code, _, err = spectune("explain", "study.yaml", "--seed", seed)
    assert (code, "--seed" in err) == (2, True)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["predict", "{bundle}", "corpus", "--device", ""], "device must be cpu, cuda"),
        (["explain", "{bundle}", "--corpus", "corpus", "--device", ""], "device must be cpu, cuda"),
        (["trial", "{study}", "0", "--device", ""], "device must be cpu, cuda"),
        (["simulate-mask", "corpus", "made", "--sampling-rate", "0"], "must be"),
        (["partition", "corpus", "--by", "", "-o", "p.csv"], "must have a ''"),
        (["export", "{study}", "-o", "made", "--protocol", ""], "got ''"),
        (["import", "{study}", "p.csv", "--name", "", "--trained-on", "train"], "--name must be"),
    ],
)
def test_what_is_given_and_empty_is_not_taken_as_not_given(
    place, finished, bundles, spectune, tmp_path, words, told
):
    names = {"bundle": bundles["train"], "study": copy_study(finished, tmp_path)}
    code, out, err = spectune(*(word.format(**names) for word in words))
    assert (code, out) == (2, ""), err
    assert told in err
    assert not (place / "made").exists()
    assert not (place / "p.csv").exists()


@pytest.mark.parametrize("there", [True, False])
def test_what_may_not_be_read_is_not_told_as_not_written(monkeypatch, capsys, tmp_path, there):
    path = tmp_path / "folder" / "a.yaml"
    path.parent.mkdir()
    if there:
        path.touch()
    closed = path if there else path.parent

    def fails() -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(cli, "app", fails)
    monkeypatch.setattr(sys, "argv", ["spectune"])
    for may, code, told in [(False, 2, f"{path}: cannot be read"), (True, 3, "stopped, files can")]:
        # root may read everything
        monkeypatch.setattr(cli.os, "access", lambda one, mode, may=may: may or one != str(closed))
        with pytest.raises(SystemExit) as end:
            cli.main()
        assert end.value.code == code
        assert capsys.readouterr().err.startswith(f"spectune: {told}")


def test_a_table_may_have_any_name_that_a_file_may_have(finished, tmp_path, monkeypatch, spectune):
    monkeypatch.chdir(tmp_path)
    for name in ("x" * 251 + ".csv", "\u044f" * 125 + ".csv", "#%41?.csv"):
        assert spectune("leaderboard", finished, "--csv", name)[0] == 0
        assert (tmp_path / name).exists()

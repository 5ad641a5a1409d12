"""What a command is asked to write: refused in a sentence before anything is computed or lost."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

import pytest

from search_spaces.grammar.errors import InputError
from study import cli
from study.files import check_output, check_output_folder, new_folder
from study.search import demo
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
    before = {path: path.read_bytes() for path in place.iterdir() if path.is_file()}
    code, out, err = spectune(*words)
    assert (code, out) == (2, "")
    assert err.startswith(f"spectune: {told}")
    assert err.count("\n") == 1
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


def test_a_reader_that_has_gone_is_no_traceback(monkeypatch, tmp_path):
    def fails() -> None:
        raise BrokenPipeError(errno.EPIPE, "Broken pipe")

    monkeypatch.setattr(cli, "app", fails)
    with (tmp_path / "out").open("w") as out:
        monkeypatch.setattr(sys, "stdout", out)
        cli.main()


@pytest.mark.parametrize("seed", ["-1", "9" * 30])
def test_a_seed_of_an_explanation_is_one_that_torch_takes(place, spectune, seed):
    code, _, err = spectune("explain", "study.yaml", "--seed", seed)
    assert (code, "--seed" in err) == (2, True)


def test_a_link_to_an_input_is_the_input(tmp_path):
    (tmp_path / "a.wav").write_bytes(b"audio")
    os.link(tmp_path / "a.wav", tmp_path / "hard.csv")
    (tmp_path / "soft.csv").symlink_to("a.wav")
    os.mkfifo(tmp_path / "pipe.csv")
    for name in ("hard.csv", "soft.csv", "pipe.csv"):
        with pytest.raises(InputError, match=name):
            check_output(
                tmp_path / name, inputs=[Path("none"), Path(LONG), Path("\0"), tmp_path / "a.wav"]
            )
    check_output(tmp_path / "none" / "new.csv", inputs=[tmp_path / "a.wav"], within=[tmp_path])
    with pytest.raises(InputError, match="must be a folder, got a file"):
        check_output_folder(tmp_path / "a.wav")


def test_a_folder_is_there_as_a_whole_or_not_at_all(tmp_path):
    (tmp_path / "o.partial").mkdir()
    (tmp_path / "o").mkdir()
    with pytest.raises(FileNotFoundError), new_folder(tmp_path / "o") as partial:
        (partial / "half").rename(partial / "nothing")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["o", "o.partial"]
    with new_folder(tmp_path / "o") as partial:
        (partial / "whole").write_text("x")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["o", "o.partial", "whole"]
    assert (tmp_path / "o").stat().st_mode & 0o777 == 0o755


def test_the_demo_goes_on_with_its_own_study_and_no_other(tmp_path, monkeypatch):
    monkeypatch.setattr(demo, "make_synthetic", lambda folder: folder)
    monkeypatch.setattr(demo, "run_study", lambda config, **options: config.budget.trials)
    assert demo.run_demo(tmp_path / "d", trials=2) == 2
    assert demo.run_demo(tmp_path / "d", trials=5) == 5
    path = tmp_path / "d" / "study.yaml"
    for text in (path.read_text().replace("slots: null", "slots: 2"), "no: study", "["):
        path.write_text(text)
        with pytest.raises(InputError, match="must be the demo's own"):
            demo.run_demo(tmp_path / "d", trials=2)
        assert path.read_text() == text

"""An audformat database: columns, segments, and nothing hostile in it is run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from search_spaces.grammar.errors import InputError
from study.corpus import Corpus, read_corpus
from support.laid_out import audformat_database

RATE = 8000


def test_without_its_package_an_audformat_database_names_the_extra(tmp_path: Path) -> None:
    (tmp_path / "db.yaml").write_text("name: toy\n")
    code = (
        "import sys; sys.modules['audformat'] = None\n"
        "from pathlib import Path; from study.corpus.corpus import read_corpus\n"
        "read_corpus(Path(sys.argv[1]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert "pip install 'spectune[audformat]'" in done.stderr.splitlines()[-1]


def test_the_label_column_of_an_audformat_database_may_have_to_be_said(
    truth: Corpus, tmp_path: Path
) -> None:
    audformat = pytest.importorskip("audformat")
    audformat_database(truth, tmp_path / "c")
    database = audformat.Database.load(str(tmp_path / "c"))
    for kind in ("train", "dev", "test"):
        table = database[f"mask.{kind}"]
        table["age"] = audformat.Column()
        table["age"].set(["3"] * len(table))
    database.save(str(tmp_path / "c"))
    with pytest.raises(InputError, match=r"label_column must say which column .*: age, mask"):
        read_corpus(tmp_path / "c")
    corpus = read_corpus(tmp_path / "c", label_column="mask")
    assert corpus.classes == truth.classes
    assert corpus.clips[0].metadata["age"] == "3"


def test_segments_of_an_audformat_database_are_read_in_seconds(tmp_path: Path) -> None:
    audformat = pytest.importorskip("audformat")
    database = audformat.Database("toy")
    for kind in ("train", "dev"):
        database.splits[kind] = audformat.Split(kind)
        index = audformat.segmented_index(
            [f"{kind}.wav"] * 3, ["0s", "250ms", "1s"], ["1s", "1s", None]
        )
        table = database[kind] = audformat.Table(index, split_id=kind)
        table["mask"] = audformat.Column()
        table["mask"].set(["a", "b", "a"])
        soundfile.write(tmp_path / f"{kind}.wav", np.zeros(2 * RATE), RATE)
    database.save(str(tmp_path))
    train = read_corpus(tmp_path).partition("train")
    assert [(c.start, c.end) for c in train] == [(0.0, 1.0), (0.25, 1.0), (1.0, None)]
    assert [c.file_name for c in train][1:] == ["train.wav#t=0.25,1", "train.wav#t=1"]


def test_an_audformat_table_is_never_unpickled(truth: Corpus, tmp_path: Path) -> None:
    audformat_database(truth, tmp_path / "c")
    (tmp_path / "c/db.mask.dev.pkl").write_bytes(b"")
    with pytest.raises(InputError, match=r"db\.mask\.dev\.pkl: is never unpickled"):
        read_corpus(tmp_path / "c")


@pytest.mark.timeout(60)
def test_an_audformat_table_is_a_file_and_no_pipe(truth: Corpus, tmp_path: Path) -> None:
    audformat_database(truth, tmp_path / "c")
    for table in (tmp_path / "c").glob("db.mask.dev.*"):
        table.unlink()
    os.mkfifo(tmp_path / "c/db.mask.dev.csv")
    with pytest.raises(InputError, match=r"db\.mask\.dev\.csv: cannot be read: it must be a reg"):
        read_corpus(tmp_path / "c")


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    ("header", "told"),
    [
        ("name: !!python/object/apply:os.mkdir [HERE]", "could not determine a constructor"),
        ("a: &a [1]\nb: *a", "YAML aliases"),
        ("[", "must be the header of an audformat database"),
        ("[" * 50_000, "more than 20 levels"),
    ],
)
def test_a_hostile_audformat_header_runs_nothing(tmp_path: Path, header: str, told: str) -> None:
    pytest.importorskip("audformat")
    (tmp_path / "c").mkdir()
    (tmp_path / "c/db.yaml").write_text(header.replace("HERE", str(tmp_path / "made")))
    with pytest.raises(InputError, match=told):
        read_corpus(tmp_path / "c")
    assert not (tmp_path / "made").exists()

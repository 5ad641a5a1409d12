"""Files and folders that are there whole or not at all."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest

from study.files import file_sha256, new_file, new_folder, replace_text, write_json


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("sync", [False, True])
def test_a_file_takes_the_old_ones_place_when_all_went_well(tmp_path, sync):
    path = tmp_path / "a"
    path.write_text("old")

    def fail_halfway() -> None:
        with new_file(path, sync=sync) as file:
            file.write(b"half")
            assert path.read_text() == "old"
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail_halfway()
    assert (path.read_text(), names(tmp_path)) == ("old", ["a"])
    with new_file(path, sync=sync) as file:
        file.write(b"new")
    assert (path.read_text(), names(tmp_path)) == ("new", ["a"])


def test_an_error_without_a_name_is_given_the_files(tmp_path):
    full = pytest.raises(OSError, match="No space")
    with full as caught, new_file(tmp_path / "a"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert caught.value.filename == str(tmp_path / "a")


def test_what_a_killed_writer_of_json_left_is_written_over(tmp_path):
    (tmp_path / ".a.json.part").write_text('{"half')
    write_json(tmp_path / "a.json", {"whole": "\u00e4"})
    assert names(tmp_path) == ["a.json"]
    assert json.loads((tmp_path / "a.json").read_bytes()) == {"whole": "\u00e4"}


def test_a_files_mode_is_what_the_umask_leaves(tmp_path):
    before = os.umask(0o077)
    try:
        replace_text(tmp_path / "new" / "private", "x")
    finally:
        os.umask(before)
    assert (tmp_path / "new" / "private").stat().st_mode & 0o777 == 0o600


def test_a_files_digest_is_that_of_its_bytes(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    assert file_sha256(tmp_path / "a").startswith("ba7816bf")


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


def test_json_keeps_a_path_that_is_no_utf8(tmp_path):
    write_json(tmp_path / "a.json", {"of": os.fsdecode(b"a\xff/\xc3\xa4")})
    assert json.loads((tmp_path / "a.json").read_text("utf-8")) == {"of": "a\udcff/ä"}

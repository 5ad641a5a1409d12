"""Where something may be written."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from search_spaces.grammar.errors import InputError
from study.files import check_output, check_output_folder


def test_a_link_to_an_input_is_the_input(tmp_path):
    (tmp_path / "a.wav").write_bytes(b"audio")
    os.link(tmp_path / "a.wav", tmp_path / "hard.csv")
    (tmp_path / "soft.csv").symlink_to("a.wav")
    os.mkfifo(tmp_path / "pipe.csv")
    inputs = [Path("none"), Path("x" * 300), Path("\0"), tmp_path / "a.wav"]
    for name in ("hard.csv", "soft.csv", "pipe.csv"):
        with pytest.raises(InputError, match=name):
            check_output(tmp_path / name, inputs=inputs)
    check_output(tmp_path / "none" / "new.csv", inputs=[tmp_path / "a.wav"], within=[tmp_path])
    with pytest.raises(InputError, match="must be a folder, got a file"):
        check_output_folder(tmp_path / "a.wav")

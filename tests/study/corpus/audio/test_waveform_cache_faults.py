"""Clips that cannot be decoded are named; what could be is kept, and the next call goes on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from search_spaces.grammar.errors import InputError
from study.corpus import read_corpus
from study.corpus.audio.waveform_cache import cache_corpus
from support.constant_corpus import (
    RATE,
    cached,
    decoder,
    left_behind,
    logging_decoder,
    make,
    name,
    whole_corpora,
)


def test_everything_that_cannot_be_decoded_is_named_at_once(tmp_path: Path) -> None:
    root = make(tmp_path / "c", 12)
    soundfile.write(root / "wav" / name(0), np.zeros(0), RATE)
    soundfile.write(root / "wav" / name(1), np.array([0, np.nan]), RATE, subtype="FLOAT")
    (root / "wav" / name(2)).write_text("not audio")
    (root / "wav" / name(4)).write_bytes(b"")
    with pytest.raises(InputError) as caught:
        cached(root, tmp_path / "cache")
    told = [problem.removeprefix(f"{root}: ") for problem in caught.value.problems]
    rule = "must be an audio file with finite samples, got one"
    assert told[0] == f"wav/train_0.wav: {rule} without a single sample"
    assert told[1] == f"wav/train_1.wav: {rule} with NaN or infinite samples"
    assert told[2].startswith(f"wav/devel_2.wav: {rule} that is not audio: ")
    assert told[3].startswith(f"wav/train_4.wav: {rule} that is not audio: ")
    assert len(told) == 4
    assert whole_corpora(tmp_path / "cache") == []


def test_a_clip_that_vanished_is_named(tmp_path: Path) -> None:
    corpus = read_corpus(make(tmp_path / "c"))
    corpus.clips[2].path.unlink()
    with pytest.raises(InputError, match=r"wav/devel_2\.wav: .* cannot be read: No such file"):
        cache_corpus(corpus, RATE, tmp_path / "cache")


def test_a_file_that_changes_while_it_is_read_is_named(tmp_path: Path) -> None:
    root = make(tmp_path / "c", 4)
    touch = decoder("if path.endswith('train_1.wav'): os.utime(path, (1, 1))")
    with pytest.raises(InputError, match=r"train_1\.wav: .* one that changed while it was read"):
        cached(root, tmp_path / "cache", command=touch)


def test_a_decode_that_some_files_spoilt_goes_on_from_the_good_ones(tmp_path: Path) -> None:
    root = make(tmp_path / "c", 30)
    good = (root / "wav" / name(7)).read_bytes()
    (root / "wav" / name(7)).write_text("not audio")
    log = tmp_path / "log.txt"
    command = logging_decoder(log)
    with pytest.raises(InputError, match=r"wav/test_7\.wav: .* that is not audio"):
        cached(root, tmp_path / "cache", command=command)
    assert len(log.read_text().splitlines()) == 30
    log.write_text("")
    (root / "wav" / name(7)).write_bytes(good)
    seen: list[tuple[int, ...]] = []
    found = cached(
        root, tmp_path / "cache", command=command, progress=lambda *counts: seen.append(counts)
    )
    assert log.read_text().splitlines() == [name(7)]
    assert seen == [(30, 30)]
    assert [int(found.clips.waveform(i)[0] * 32768) for i in range(30)] == list(range(1, 31))
    assert left_behind(tmp_path / "cache") == []


def test_a_killed_decode_goes_on_where_it_was(tmp_path: Path) -> None:
    root = make(tmp_path / "c", 400)
    script = (
        "import os, signal, sys; from pathlib import Path\n"
        "from study.corpus import read_corpus\n"
        "from study.corpus.audio.waveform_cache import cache_corpus\n"
        "def stop(done, total):\n"
        "    if done == 250: os.kill(os.getpid(), signal.SIGKILL)\n"
        "cache_corpus(read_corpus(Path(sys.argv[1])), 8000, Path(sys.argv[2]), stop, workers=2)\n"
    )
    arguments = [sys.executable, "-P", "-c", script, str(root), str(tmp_path / "cache")]
    assert subprocess.run(arguments, check=False).returncode == -9
    assert whole_corpora(tmp_path / "cache") == []
    (left,) = left_behind(tmp_path / "cache")
    with (left / "clips.jsonl").open("ab") as torn, (left / "samples.i16").open("ab") as more:
        torn.write(b'["abc", 10, 1.0')
        more.write(b"x" * 11)
    log = tmp_path / "log.txt"
    found = cached(root, tmp_path / "cache", command=logging_decoder(log))
    assert log.read_text().splitlines() == [name(i) for i in range(250, 400)]
    fresh = cached(root, tmp_path / "other")
    assert found.clips.digest() == fresh.clips.digest()


def test_damaged_leftovers_are_decoded_again(tmp_path: Path) -> None:
    root = make(tmp_path / "c", 12)
    (root / "wav" / name(11)).write_text("not audio")
    with pytest.raises(InputError):
        cached(root, tmp_path / "cache")
    (left,) = left_behind(tmp_path / "cache")
    with (left / "samples.i16").open("r+b") as file:
        file.seek(100)
        file.write(b"\xff")
    soundfile.write(root / "wav" / name(11), np.full(5, 7, np.int16), RATE)
    log = tmp_path / "log.txt"
    found = cached(root, tmp_path / "cache", command=logging_decoder(log))
    assert 1 < len(log.read_text().splitlines()) < 12
    fresh = cached(root, tmp_path / "other")
    assert found.clips.digest() == fresh.clips.digest()

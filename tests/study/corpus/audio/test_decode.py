"""Decoders that crash, hang, run ahead or do not start, and that none of them is left."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from study.corpus.audio.decode import decode_files
from support.constant_corpus import RATE, decoder, logging_decoder

# A real decoder that really dies, or really hangs, of files with such names.
FRAGILE = decoder("""
if path.endswith("crash.wav"):
    os.abort()
if path.endswith("hang.wav"):
    time.sleep(60)
""")


def test_a_file_that_crashes_or_hangs_the_decoder_is_named_and_the_rest_goes_on(
    tmp_path: Path,
) -> None:
    paths = [tmp_path / f"{n}.wav" for n in ("a", "crash", "b", "hang", "c", "d")]
    for i, path in enumerate(paths):
        soundfile.write(path, np.full(5, i, np.int16), RATE)
    found = list(decode_files(paths, RATE, workers=1, seconds_per_file=1.5, command=FRAGILE))
    assert found[1] == "one that crashes the decoder (SIGABRT)"
    assert found[3] == "one that takes longer than 1.5 s to decode"
    rest = [one.samples[0] for one in found if not isinstance(one, str)]
    assert rest == [0, 2, 4, 5]


def test_what_is_decoded_ahead_is_bounded_by_its_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("study.corpus.audio.worker_pool._MOST_BYTES", 40_000)
    path = tmp_path / "a.wav"
    soundfile.write(path, np.zeros(10_000), RATE)
    log = tmp_path / "log.txt"
    run = decode_files([path] * 30, RATE, workers=2, command=logging_decoder(log))
    next(run)
    time.sleep(0.5)
    assert len(log.read_text().splitlines()) < 12
    assert len(list(run)) == 29


def test_a_decoder_that_does_not_start_is_no_fault_of_the_files(tmp_path: Path) -> None:
    command = (sys.executable, "-c", "import no_such_module")
    with pytest.raises(RuntimeError, match=r"(?s)does not start: .*no_such_module"):
        next(decode_files([tmp_path / "a.wav"], RATE, command=command))


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="looks for children in /proc")
def test_no_decoder_outlives_an_abandoned_run(tmp_path: Path) -> None:
    paths = [tmp_path / "a.wav", *[tmp_path / "hang.wav"] * 40]
    for path in paths[:2]:
        soundfile.write(path, np.zeros(5), RATE)
    before = _children()
    run = decode_files(paths, RATE, workers=2, command=FRAGILE)
    next(run)  # what is left hangs
    assert len(_children() - before) >= 1
    run.close()
    assert _children() == before


def _children() -> set[str]:
    tasks = Path("/proc/self/task").glob("*/children")
    return {pid for task in tasks for pid in task.read_text().split()}

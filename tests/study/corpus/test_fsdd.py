"""The spoken digits are laid out from the folder of their recordings."""

from __future__ import annotations

import csv
import shutil
import subprocess
import sys
from pathlib import Path

from study.corpus import Corpus, read_corpus


def test_the_digits_are_laid_out_from_their_own_folder(truth: Corpus, tmp_path: Path) -> None:
    recordings = tmp_path / "recordings"
    recordings.mkdir()
    (recordings / "README.txt").write_text("not a recording")
    for i, clip in enumerate(truth.clips[:36]):
        speaker = ("george", "lucas", "theo")[i % 3]
        shutil.copy(clip.path, recordings / f"{i // 3 % 4}_{speaker}_{i}.wav")
    arguments = [sys.executable, "-m", "study.corpus.fsdd", str(recordings)]
    for name in ("a", "b"):
        done = subprocess.run([*arguments, str(tmp_path / name)], capture_output=True, check=False)
        assert done.returncode == 0, done.stderr
    one, two = (read_corpus(tmp_path / name) for name in ("a", "b"))
    assert [c.path.read_bytes() for c in one.clips] == [c.path.read_bytes() for c in two.clips]
    speakers = {c.partition: {d.speaker for d in one.partition(c.partition)} for c in one.clips}
    assert speakers == {"train": {"theo"}, "devel": {"george"}, "test": {"lucas"}}
    assert one.classes == ("one", "three", "two", "zero")
    with (tmp_path / "a/lab/test_labels.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 12
    originals = {path.read_bytes(): path.name for path in recordings.glob("*.wav")}
    words = {"zero": "0", "one": "1", "two": "2", "three": "3"}
    for clip in one.partition("train"):
        assert originals[clip.path.read_bytes()][0] == words[str(clip.label)]
    again = subprocess.run([*arguments, str(tmp_path / "a")], capture_output=True, check=False)
    assert (again.returncode, b"exists already" in again.stderr) == (2, True)
    wrong = [*arguments[:-1], str(tmp_path / "a"), str(tmp_path / "c")]
    refused = subprocess.run(wrong, capture_output=True, check=False)
    assert b"got speakers none" in refused.stderr

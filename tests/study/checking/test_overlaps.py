"""Segments of one file that overlap across partitions are found by their times."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from study.checking.check import check_corpus
from study.checking.copies import overlap_findings
from study.checking.facts import FACTS
from study.checking.table import ClipTable
from study.corpus.corpus import Reading
from study.corpus.layouts.names import PARTITIONS

FIRST = (1.0, 2.0)


def told(*clips: tuple[str, str, float | None, float | None], same_bytes: bool = True):
    """What is found of clips (file, partition, start, end)."""
    facts = np.zeros(len(clips), FACTS)
    if same_bytes:
        facts["sha256"] = b"0" * 64
    table = ClipTable(
        names=tuple(f"{file} {start}" for file, _, start, _ in clips),
        labels=("a",) * len(clips),
        partition=np.array([PARTITIONS.index(part) for _, part, *_ in clips]),
        speakers=(None,) * len(clips),
        facts=facts,
        stamps=np.zeros((len(clips), 2), np.int64),
        outside=np.zeros(len(clips), bool),
    )
    places = [(Path(file), (start, end)) for file, _, start, end in clips]
    return [name for one in overlap_findings(table, places) for name in one.names]


@pytest.mark.parametrize(
    "second",
    [(0.5, 1.5), (1.5, 2.5), (1.2, 1.8), (0.5, 2.5), FIRST, (1.0, 1.5), (1.5, 2.0), (1.9, None),
     (None, 1.1), (None, None)],
)  # fmt: skip
@pytest.mark.parametrize("parts", [("train", "devel"), ("devel", "test"), ("test", "train")])
@pytest.mark.parametrize("turned", [False, True])
def test_every_way_to_overlap_is_found(second, parts, turned):
    clips = [("a.wav", parts[0], *FIRST), ("a.wav", parts[1], *second)]
    found = told(*(clips[::-1] if turned else clips))
    assert len(found) == 1
    assert all(part in found[0] for part in parts)
    assert told(*((file, "train", *times) for file, _, *times in clips)) == []


def test_neighbours_other_files_and_whole_files_are_none():
    assert told(("a.wav", "train", *FIRST), ("a.wav", "devel", 2.0, 3.0)) == []
    assert told(("a.wav", "train", *FIRST), ("a.wav", "devel", 1.9995, 3.0)) == []
    other = [("a.wav", "train", *FIRST), ("b.wav", "devel", *FIRST)]
    assert told(*other, same_bytes=False) == []
    assert len(told(*other)) == 1  # a copy or a link
    assert told(("a.wav", "train", None, None), ("b.wav", "devel", None, None)) == []
    assert len(told(*(("a.wav", part, *FIRST) for part in PARTITIONS), same_bytes=False)) == 3


def test_one_long_segment_meets_all_that_begin_in_it():
    short = [("a.wav", "devel", float(n), n + 0.5) for n in range(1, 30)]
    assert len(told(("a.wav", "train", 0.0, 60.0), *short)) == 29


@pytest.mark.parametrize("sound", ["noise", "silence", "tone"])
def test_a_check_says_which_segments_overlap(tmp_path, sound):
    n = 32_000
    waves = {
        "noise": 0.1 * np.random.default_rng(0).standard_normal(n),
        "silence": np.zeros(n),
        "tone": 0.3 * np.sin(np.arange(n) / 5),
    }
    soundfile.write(tmp_path / "long.wav", waves[sound], 8000)
    rows = ["0,1,a,train", "1,2,b,train", "1.9,2.4,a,devel", "2.4,3,b,devel", "3,4,?,test"]
    head = "file_name,start,end,label,partition"
    (tmp_path / "manifest.csv").write_text("\n".join([head, *(f"long.wav,{r}" for r in rows)]))
    found = check_corpus(Reading(tmp_path), cache_root=tmp_path / "cache")
    overlaps = [one for one in found.findings if one.kind == "overlap"]
    assert [one.cases for one in overlaps] == [1]
    assert "(train)" in overlaps[0].names[0]
    assert "(devel)" in overlaps[0].names[0]

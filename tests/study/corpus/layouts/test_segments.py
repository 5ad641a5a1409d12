"""Clips that are segments of long files: cut where the table says, checked, and known again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from search_spaces.grammar.errors import InputError
from study.checking.check import check_corpus
from study.corpus import Corpus, read_corpus
from study.corpus.audio.waveform_cache import cache_corpus
from study.corpus.corpus import Reading
from support.laid_out import PAIRS, write_csv

RATE = 8000


def joined(corpus: Corpus, root: Path, suffix: str = "wav") -> Path:
    """One long file per speaker and a manifest of segments, in the corpus's order."""
    (root / "long").mkdir(parents=True)
    parts: dict[str, list[np.ndarray]] = {}
    rows = []
    for clip in corpus.clips:
        wave, rate = soundfile.read(clip.path, dtype="int16")
        held = parts.setdefault(str(clip.speaker), [])
        start = sum(map(len, held)) / rate
        held.append(wave)
        times = [repr(start), repr(start + len(wave) / rate)]
        name = f"long/{clip.speaker}.{suffix}"
        session = "morning" if clip.label == "mask" else ""
        rows.append([name, clip.label or "?", clip.partition, str(clip.speaker), *times, session])
    for speaker, held in parts.items():
        soundfile.write(root / f"long/{speaker}.{suffix}", np.concatenate(held), RATE)
    columns = ["file", "label", "subset", "speaker", "start", "end", "session"]
    write_csv(root / "manifest.csv", [columns, *rows])
    return root / "manifest.csv"


@pytest.mark.parametrize("suffix", ["wav", "flac"])
def test_segments_of_long_files_are_the_clips_they_were_cut_from(
    truth: Corpus, tmp_path: Path, suffix: str
) -> None:
    path = joined(truth, tmp_path / "c", suffix)
    corpus = read_corpus(path)
    assert corpus.root == path.parent
    assert [c.label for c in corpus.clips] == [c.label for c in truth.clips]
    assert len({c.file_name for c in corpus.clips}) == len(truth.clips)
    assert corpus.clips[0].file_name == f"long/{truth.clips[0].speaker}.{suffix}#t=0,1"
    assert {c.metadata.get("session") for c in corpus.partition("train")} == {"morning", None}
    whole = cache_corpus(truth, RATE, tmp_path / "whole", workers=1)
    cut = cache_corpus(corpus, RATE, tmp_path / "cut", workers=2)
    np.testing.assert_array_equal(cut.clips.samples, whole.clips.samples)
    assert len(set(cut.digests)) == len(truth.clips)
    assert "the clips are parts of 8 files" in cut.summary()
    assert "metadata: session (1 value)" in cut.summary()


def test_times_may_be_timedeltas_or_stand_in_the_name(tmp_path: Path) -> None:
    for name in ("a.wav", "b.wav"):
        soundfile.write(tmp_path / name, np.zeros(4 * RATE), RATE)
    names = ["a.wav", "a.wav", "a.wav#t=1.5,2", "a.wav#t=2,3", "b.wav"]
    times = [
        ("0 days 00:00:00.25", "0 days 00:00:01"),
        ("00:00:03", "NaT"),
        ("", ""),
        ("2", "3.0"),
        ("0 days", "NaT"),  # a whole file, as pandas and audformat write a column of them
    ]
    pairs = [*PAIRS, PAIRS[-1]]
    rows = [[name, *pair, *own] for name, pair, own in zip(names, pairs, times, strict=True)]
    write_csv(tmp_path / "m.csv", [["file", "label", "split", "start", "end"], *rows])
    clips = read_corpus(tmp_path).clips
    assert [(clip.start, clip.end) for clip in clips] == [
        (0.25, 1),
        (3, None),
        (1.5, 2),
        (2, 3),
        (0, None),
    ]
    assert [clip.file_name for clip in clips[:2]] == ["a.wav#t=0.25,1", "a.wav#t=3"]
    assert {clip.path for clip in clips[:4]} == {tmp_path / "a.wav"}
    rows[3][-1] = "3.5"
    write_csv(tmp_path / "m.csv", [["file", "label", "split", "start", "end"], *rows])
    with pytest.raises(InputError, match=r"m\.csv line 5: a segment .* as in its name"):
        read_corpus(tmp_path)


@pytest.mark.parametrize(
    ("start", "end"),
    [("-1", "1"), ("1", "1"), ("2", "1"), ("x", "1"), ("nan", "1"), ("0", "inf"), ("0", "1_0")],
)
def test_times_that_make_no_sense_are_refused(tmp_path: Path, start: str, end: str) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(80), RATE)
    rows = [["file_name", "label", "start", "end"], ["a.wav", "yes", start, end]]
    write_csv(tmp_path / "m.csv", rows)
    with pytest.raises(InputError, match=r"m\.csv line 2: a segment must have start and end in s"):
        read_corpus(tmp_path)


def test_a_segment_after_the_end_of_its_file_is_named(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.full(RATE, 0.1), RATE)
    rows = [["a.wav", label, part, str(i / 10), ""] for i, (label, part) in enumerate(PAIRS)]
    late = [["a.wav", "yes", "train", "0.9", "1.2"], ["a.wav", "yes", "train", "1.5", ""]]
    columns = ["file_name", "label", "partition", "start", "end"]
    write_csv(tmp_path / "m.csv", [columns, *rows, *late])
    with pytest.raises(InputError) as caught:
        cache_corpus(read_corpus(tmp_path), RATE, tmp_path / "cache", workers=1)
    told = [problem.rpartition("got ")[2] for problem in caught.value.problems]
    assert told == [
        "one with a segment from 0.9 to 1.2 s after its 1 s",
        "one with a segment from 1.5 to its end after its 1 s",
    ]


def test_a_check_finds_segments_unchanged_until_their_file_changes(
    truth: Corpus, tmp_path: Path
) -> None:
    reading = Reading(corpus=joined(truth, tmp_path / "c"))
    corpus = read_corpus(reading.corpus)
    cached = cache_corpus(corpus, RATE, tmp_path / "cache", workers=1)
    names = [clip.file_name for clip in corpus.clips]
    expected = dict(zip(names, cached.digests, strict=True))

    def kinds() -> set[str]:
        found = check_corpus(reading, cache_root=tmp_path / "cache", expected=expected)
        return {finding.kind for finding in found.findings}

    assert "changed since" not in kinds()
    path = corpus.clips[0].path
    wave, rate = soundfile.read(path, dtype="int16")
    soundfile.write(path, wave[::-1], rate)
    assert "changed since" in kinds()

"""A corpus is decoded once, and known again by what its audio is."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from runners.clips import Clips
from search_spaces.grammar.errors import InputError
from study.corpus import read_corpus
from study.corpus.audio.waveform_cache import cache_corpus, default_cache_root
from support.constant_corpus import (
    NO_DECODER,
    RATE,
    cached,
    label,
    logging_decoder,
    make,
    name,
    whole_corpora,
)
from support.wav_bytes import tone

DIGITS = Path(__file__).parents[5] / "shared/corpora/fsdd_digits"


def test_every_clip_comes_back_bit_for_bit_in_the_order_of_the_corpus(tmp_path: Path) -> None:
    found = cached(make(tmp_path / "c", 120), tmp_path / "cache", workers=3)
    for i in range(120):
        wave = found.clips.waveform(i) * 32768
        np.testing.assert_array_equal(wave, np.full(10 + 7 * (i % 5), i + 1))
    Clips.open(found.folder, verify=True)


def test_digests_are_those_of_the_files(tmp_path: Path) -> None:
    root = make(tmp_path / "c")
    found = cached(root, tmp_path / "cache")
    paths = [clip.path for clip in found.corpus.clips]
    assert found.digests == tuple(hashlib.sha256(p.read_bytes()).hexdigest() for p in paths)


def test_a_second_run_does_not_even_read_the_audio(tmp_path: Path) -> None:
    root = make(tmp_path / "c")
    first = cached(root, tmp_path / "cache")
    for clip in first.corpus.clips:
        stat = clip.path.stat()
        clip.path.write_bytes(bytes(stat.st_size))  # same size, and below the same time
        os.utime(clip.path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    again = cached(root, tmp_path / "cache", command=NO_DECODER)
    assert again.digests == first.digests
    assert (again.digest, again.folder) == (first.digest, first.folder)


def test_a_changed_clip_is_decoded_again(tmp_path: Path) -> None:
    root = make(tmp_path / "c")
    first = cached(root, tmp_path / "cache")
    soundfile.write(root / "wav" / name(1), np.full(17, 99, np.int16), RATE)
    again = cached(root, tmp_path / "cache")
    assert again.digest != first.digest
    assert again.clips.waveform(1)[0] * 32768 == 99


def test_a_moved_or_touched_corpus_is_not_decoded_again(tmp_path: Path) -> None:
    root = make(tmp_path / "c")
    first = cached(root, tmp_path / "cache")
    shutil.copytree(root, tmp_path / "moved", copy_function=shutil.copy)
    again = cached(tmp_path / "moved", tmp_path / "cache", command=NO_DECODER)
    assert again.digest == first.digest


def test_new_labels_change_the_digest_and_not_the_audio(tmp_path: Path) -> None:
    root = make(tmp_path / "c")
    first = cached(root, tmp_path / "cache")
    label(root, classes=("a", "c"))
    again = cached(root, tmp_path / "cache", command=NO_DECODER)
    assert again.digest != first.digest
    assert again.folder == first.folder


def test_speakers_change_the_digest(tmp_path: Path) -> None:
    root = make(tmp_path / "c")
    first = cached(root, tmp_path / "cache")
    (root / "lab/speakers.csv").write_text(f"file_name,speaker\n{name(0)},anna\n")
    assert cached(root, tmp_path / "cache", command=NO_DECODER).digest != first.digest


def test_two_sampling_rates_are_kept_apart(tmp_path: Path) -> None:
    root = make(tmp_path / "c")
    slow = cached(root, tmp_path / "cache")
    fast = cached(root, tmp_path / "cache", rate=16000)
    assert fast.folder != slow.folder
    assert fast.clips.sampling_rate == 16000
    assert fast.clips.n_samples(0) == 2 * slow.clips.n_samples(0)


def test_equal_audio_is_decoded_once(tmp_path: Path) -> None:
    root = make(tmp_path / "c", 8)
    for i in (2, 5):
        shutil.copy(root / "wav" / name(0), root / "wav" / name(i))
    log = tmp_path / "log.txt"
    found = cached(root, tmp_path / "cache", command=logging_decoder(log))
    assert len(log.read_text().splitlines()) == 6
    assert [int(found.clips.waveform(i)[0] * 32768) for i in range(8)] == [1, 2, 1, 4, 5, 1, 7, 8]


def test_a_damaged_cache_is_made_again(tmp_path: Path) -> None:
    root = make(tmp_path / "c")
    first = cached(root, tmp_path / "cache")
    whole = first.clips.digest()
    (first.folder / "samples.npy").write_bytes(b"nonsense")
    next((tmp_path / "cache/files").glob("*.json")).write_text("{")
    assert cached(root, tmp_path / "cache").clips.digest() == whole


def test_progress_counts_to_the_end_and_is_silent_when_cached(tmp_path: Path) -> None:
    root = make(tmp_path / "c")
    seen: list[tuple[int, ...]] = []

    def note(*counts: int) -> None:
        seen.append(counts)

    cached(root, tmp_path / "cache", progress=note)
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]
    cached(root, tmp_path / "cache", progress=note)
    assert len(seen) == 4


def test_processes_that_cache_the_same_corpus_at_once_agree(tmp_path: Path) -> None:
    root = make(tmp_path / "c", 40)
    script = (
        "import json, sys; from pathlib import Path\n"
        "from study.corpus import read_corpus\n"
        "from study.corpus.audio.waveform_cache import cache_corpus\n"
        "done = []\n"
        "found = cache_corpus(read_corpus(Path(sys.argv[1])), 8000, Path(sys.argv[2]),\n"
        "                     lambda n, total: done.append(n), workers=1)\n"
        "print(json.dumps([found.digest, found.clips.digest(), len(done)]))\n"
    )
    arguments = [sys.executable, "-P", "-c", script, str(root), str(tmp_path / "cache")]
    running = [subprocess.Popen(arguments, stdout=subprocess.PIPE) for _ in range(3)]
    said = [json.loads(process.communicate(timeout=60)[0]) for process in running]
    assert len({tuple(one[:2]) for one in said}) == 1
    assert sorted(one[2] for one in said) == [0, 0, 40]
    assert len(whole_corpora(tmp_path / "cache")) == 1


def test_clips_from_a_twentieth_of_a_second_to_a_minute_live_in_one_corpus(tmp_path: Path) -> None:
    root = make(tmp_path / "c", 4)
    lengths = [0.05, 60.0, 1.0, 12.345]
    waves = [tone(seconds) * (1 - i / 8) for i, seconds in enumerate(lengths)]
    for i, wave in enumerate(waves):
        soundfile.write(root / "wav" / name(i), wave, RATE)
    found = cached(root, tmp_path / "cache")
    assert found.clips.durations().tolist() == pytest.approx(lengths)
    for i, wave in enumerate(waves):
        np.testing.assert_allclose(found.clips.waveform(i), wave, atol=1 / 32767)
    assert "0.05 to 60.00 s" in found.summary()


def test_real_digits_come_back_bit_for_bit(tmp_path: Path) -> None:
    if not DIGITS.is_dir():
        pytest.skip("the digits corpus is not beside this checkout")
    corpus = read_corpus(DIGITS)
    found = cache_corpus(corpus, RATE, tmp_path)
    for i in range(0, 3000, 97):
        wave, rate = soundfile.read(corpus.clips[i].path, dtype="float32")
        assert rate == RATE
        np.testing.assert_array_equal(found.clips.waveform(i), wave)
    assert "0.14 to 2.28 s, median" in found.summary()


def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(InputError, match="the cache folder must be writable"):
        cached(make(tmp_path / "c"), tmp_path / "cache")


def test_a_sampling_rate_must_be_positive(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="at least 1 Hz, got 0"):
        cached(make(tmp_path / "c"), tmp_path / "cache", rate=0)


def test_the_default_cache_follows_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SPECTUNE_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert default_cache_root() == Path.home() / ".cache/spectune"
    monkeypatch.setenv("XDG_CACHE_HOME", "/x")
    assert default_cache_root() == Path("/x/spectune")
    monkeypatch.setenv("SPECTUNE_CACHE", "/y")
    assert default_cache_root() == Path("/y")

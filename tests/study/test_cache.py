import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from runners.clips import Clips
from search_spaces.errors import InputError
from study.audio import decode, decode_segment, resample
from study.cache import CachedCorpus, cache_corpus, default_cache_root
from study.corpus import read_corpus
from study.decode import decode_files

DIGITS = Path(__file__).parents[3] / "shared/corpora/fsdd_digits"
NO_DECODER = ("false",)
# A real decoder that really dies, or really hangs, of files with such names.
FRAGILE = """
import os, sys, time
import study.decoder
answer = study.decoder._answer
def fragile(request, *more):
    path = request[0]
    if path.endswith("crash.wav"):
        os.abort()
    if path.endswith("hang.wav"):
        time.sleep(60)
    return answer(request, *more)
study.decoder._answer = fragile
study.decoder.main(sys.argv[1:])
"""
RATE = 8000


def sine(frequency: float, seconds: float, rate: int, peak: float = 0.5) -> NDArray[np.float64]:
    return peak * np.sin(2 * np.pi * frequency * np.arange(round(seconds * rate)) / rate)


def make(root: Path, n: int = 4) -> Path:
    """Clips of ``n`` lengths; clip ``i`` is a constant ``i + 1``."""
    (root / "wav").mkdir(parents=True)
    (root / "lab").mkdir()
    for i in range(n):
        wave = np.full(10 + 7 * (i % 5), i + 1, np.int16)
        soundfile.write(root / f"wav/{name(i)}", wave, RATE, subtype="PCM_16")
    label(root, n)
    return root


def name(i: int) -> str:
    return f"{('train', 'train', 'devel', 'test')[i % 4]}_{i}.wav"


def label(root: Path, n: int = 4, classes: Sequence[str] = ("a", "b")) -> None:
    rows = [f"{name(i)},{'?' if i % 4 == 3 else classes[i % 2]}" for i in range(n)]
    (root / "lab/labels.csv").write_text("\n".join(["file_name,label", *rows]))


def cached(root: Path, cache: Path, *, rate: int = RATE, **options: object) -> CachedCorpus:
    given: dict[str, object] = {"workers": 1} | options  # fewer decoders start faster
    return cache_corpus(read_corpus(root), rate, cache, **given)  # type: ignore[arg-type]


def tree(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("clips/*") if path.suffix != ".lock")


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


def test_a_second_run_opens_without_decoding(tmp_path: Path) -> None:
    root = make(tmp_path / "c")
    first = cached(root, tmp_path / "cache")
    again = cached(root, tmp_path / "cache", command=NO_DECODER)
    assert (again.digest, again.folder) == (first.digest, first.folder)


def test_a_second_run_does_not_even_read_the_audio(tmp_path: Path) -> None:
    root = make(tmp_path / "c")
    first = cached(root, tmp_path / "cache")
    for clip in first.corpus.clips:
        stat = clip.path.stat()
        clip.path.write_bytes(bytes(stat.st_size))  # same size, and below the same time
        os.utime(clip.path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert cached(root, tmp_path / "cache", command=NO_DECODER).digests == first.digests


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


def test_a_damaged_cache_is_made_again(tmp_path: Path) -> None:
    root = make(tmp_path / "c")
    first = cached(root, tmp_path / "cache")
    whole = first.clips.digest()
    (first.folder / "samples.npy").write_bytes(b"nonsense")
    next((tmp_path / "cache/files").glob("*.json")).write_text("{")
    assert cached(root, tmp_path / "cache").clips.digest() == whole


def test_progress_counts_to_the_end_and_is_silent_when_cached(tmp_path: Path) -> None:
    root = make(tmp_path / "c")
    seen: list[tuple[int, int]] = []
    note = lambda done, total: seen.append((done, total))  # noqa: E731
    cached(root, tmp_path / "cache", progress=note)
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]
    cached(root, tmp_path / "cache", progress=note)
    assert len(seen) == 4


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
    assert tree(tmp_path / "cache") == []


def test_a_clip_that_vanished_is_named(tmp_path: Path) -> None:
    corpus = read_corpus(make(tmp_path / "c"))
    corpus.clips[2].path.unlink()
    with pytest.raises(InputError, match=r"wav/devel_2\.wav: .* cannot be read: No such file"):
        cache_corpus(corpus, RATE, tmp_path / "cache")


def test_a_file_that_crashes_or_hangs_the_decoder_is_named_and_the_rest_goes_on(
    tmp_path: Path,
) -> None:
    paths = [tmp_path / f"{n}.wav" for n in ("a", "crash", "b", "hang", "c", "d")]
    for i, path in enumerate(paths):
        soundfile.write(path, np.full(5, i, np.int16), RATE)
    command = (sys.executable, "-P", "-c", FRAGILE)
    found = list(decode_files(paths, RATE, workers=1, seconds_per_file=1.5, command=command))
    assert found[1] == "one that crashes the decoder (SIGABRT)"
    assert found[3] == "one that takes longer than 1.5 s to decode"
    rest = [one.samples[0] for one in found if not isinstance(one, str)]
    assert rest == [0, 2, 4, 5]


LOGGED = """
import os, sys
import study.decoder
answer = study.decoder._answer
def logged(request, *more):
    with open(os.environ["DECODE_LOG"], "a") as log:
        log.write(os.path.basename(request[0]) + "\\n")
    return answer(request, *more)
study.decoder._answer = logged
study.decoder.main(sys.argv[1:])
"""


@pytest.fixture
def decoded_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that the decoders of `LOGGED` write the name of every file to."""
    monkeypatch.setenv("DECODE_LOG", str(tmp_path / "log.txt"))
    (tmp_path / "log.txt").touch()
    return tmp_path / "log.txt"


def test_a_decode_that_some_files_spoilt_goes_on_from_the_good_ones(
    tmp_path: Path, decoded_files: Path
) -> None:
    root = make(tmp_path / "c", 30)
    good = (root / "wav" / name(7)).read_bytes()
    (root / "wav" / name(7)).write_text("not audio")
    command = (sys.executable, "-P", "-c", LOGGED)
    with pytest.raises(InputError, match=r"wav/test_7\.wav: .* that is not audio"):
        cached(root, tmp_path / "cache", command=command)
    assert len(decoded_files.read_text().splitlines()) == 30
    decoded_files.write_text("")
    (root / "wav" / name(7)).write_bytes(good)
    seen: list[tuple[int, int]] = []
    note = lambda done, total: seen.append((done, total))  # noqa: E731
    found = cached(root, tmp_path / "cache", command=command, progress=note)
    assert decoded_files.read_text().splitlines() == [name(7)]
    assert seen == [(30, 30)]
    assert [int(found.clips.waveform(i)[0] * 32768) for i in range(30)] == list(range(1, 31))
    assert list((tmp_path / "cache/decoding").iterdir()) == [
        path for path in (tmp_path / "cache/decoding").iterdir() if path.suffix == ".lock"
    ]


def test_a_killed_decode_goes_on_where_it_was(tmp_path: Path, decoded_files: Path) -> None:
    root = make(tmp_path / "c", 400)
    script = (
        "import os, signal, sys; from pathlib import Path\n"
        "from study.cache import cache_corpus; from study.corpus import read_corpus\n"
        "def stop(done, total):\n"
        "    if done == 250: os.kill(os.getpid(), signal.SIGKILL)\n"
        "cache_corpus(read_corpus(Path(sys.argv[1])), 8000, Path(sys.argv[2]), stop, workers=2)\n"
    )
    arguments = [sys.executable, "-P", "-c", script, str(root), str(tmp_path / "cache")]
    assert subprocess.run(arguments, check=False).returncode == -9
    assert tree(tmp_path / "cache") == []
    (left,) = [path for path in (tmp_path / "cache/decoding").iterdir() if path.is_dir()]
    with (left / "clips.jsonl").open("ab") as torn, (left / "samples.i16").open("ab") as more:
        torn.write(b'["abc", 10, 1.0')
        more.write(b"x" * 11)
    command = (sys.executable, "-P", "-c", LOGGED)
    found = cached(root, tmp_path / "cache", command=command)
    assert decoded_files.read_text().splitlines() == [name(i) for i in range(250, 400)]
    fresh = cached(root, tmp_path / "other")
    assert found.clips.digest() == fresh.clips.digest()


def test_damaged_leftovers_are_decoded_again(tmp_path: Path, decoded_files: Path) -> None:
    root = make(tmp_path / "c", 12)
    (root / "wav" / name(11)).write_text("not audio")
    with pytest.raises(InputError):
        cached(root, tmp_path / "cache")
    (left,) = [path for path in (tmp_path / "cache/decoding").iterdir() if path.is_dir()]
    with (left / "samples.i16").open("r+b") as file:
        file.seek(100)
        file.write(b"\xff")
    soundfile.write(root / "wav" / name(11), np.full(5, 7, np.int16), RATE)
    found = cached(root, tmp_path / "cache", command=(sys.executable, "-P", "-c", LOGGED))
    assert 1 < len(decoded_files.read_text().splitlines()) < 12
    fresh = cached(root, tmp_path / "other")
    assert found.clips.digest() == fresh.clips.digest()


def test_equal_audio_is_decoded_once(tmp_path: Path, decoded_files: Path) -> None:
    root = make(tmp_path / "c", 8)
    for i in (2, 5):
        shutil.copy(root / "wav" / name(0), root / "wav" / name(i))
    found = cached(root, tmp_path / "cache", command=(sys.executable, "-P", "-c", LOGGED))
    assert len(decoded_files.read_text().splitlines()) == 6
    assert [int(found.clips.waveform(i)[0] * 32768) for i in range(8)] == [1, 2, 1, 4, 5, 1, 7, 8]


def test_a_file_that_changes_while_it_is_read_is_named(tmp_path: Path) -> None:
    root = make(tmp_path / "c", 4)
    touch = (
        "import os, sys\nimport study.decoder\nanswer = study.decoder._answer\n"
        "def touch(request, *more):\n"
        "    if request[0].endswith('train_1.wav'): os.utime(request[0], (1, 1))\n"
        "    return answer(request, *more)\n"
        "study.decoder._answer = touch\nstudy.decoder.main(sys.argv[1:])"
    )
    with pytest.raises(InputError, match=r"train_1\.wav: .* one that changed while it was read"):
        cached(root, tmp_path / "cache", command=(sys.executable, "-P", "-c", touch))


def test_clips_from_a_twentieth_of_a_second_to_a_minute_live_in_one_corpus(tmp_path: Path) -> None:
    root = make(tmp_path / "c", 4)
    lengths = [0.05, 60.0, 1.0, 12.345]
    waves = [sine(200 + 50 * i, seconds, RATE) for i, seconds in enumerate(lengths)]
    for i, wave in enumerate(waves):
        soundfile.write(root / "wav" / name(i), wave, RATE)
    found = cached(root, tmp_path / "cache")
    assert found.clips.durations().tolist() == pytest.approx(lengths)
    for i, wave in enumerate(waves):
        np.testing.assert_allclose(found.clips.waveform(i), wave, atol=1 / 32767)
    assert "0.05 to 60.00 s" in found.summary()


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3"])
@pytest.mark.parametrize(("old", "new"), [(44100, 16000), (16000, 16000), (8000, 16000)])
def test_a_segment_is_what_lies_there_in_the_whole_file(
    tmp_path: Path, suffix: str, old: int, new: int
) -> None:
    path = tmp_path / f"a.{suffix}"
    noise = np.random.default_rng(1).normal(size=(old * 3, 2)) * 0.1
    soundfile.write(path, noise, old)
    whole = decoded(path, new)
    with soundfile.SoundFile(path) as file:
        for start, end in [(1.2, 2.1), (0.0, 0.05), (None, 0.3), (2.5, None), (2.9, 3.0), (0.1, 1)]:
            samples, scale = decode_segment(file, new, start, end)
            first = round((start or 0) * new)
            cut = whole[first : None if end is None else round(end * new)]
            np.testing.assert_allclose(samples * np.float64(scale), cut, atol=1e-4)


def test_what_is_decoded_ahead_is_bounded_by_its_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, decoded_files: Path
) -> None:
    monkeypatch.setattr("study.decode._MOST_BYTES", 40_000)
    path = tmp_path / "a.wav"
    soundfile.write(path, np.zeros(10_000), RATE)
    run = decode_files([path] * 30, RATE, workers=2, command=(sys.executable, "-P", "-c", LOGGED))
    next(run)
    time.sleep(0.5)
    assert len(decoded_files.read_text().splitlines()) < 12
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
    run = decode_files(paths, RATE, workers=2, command=(sys.executable, "-P", "-c", FRAGILE))
    next(run)  # what is left hangs
    assert len(_children() - before) >= 1
    run.close()
    assert _children() == before


def _children() -> set[str]:
    tasks = Path("/proc/self/task").glob("*/children")
    return {pid for task in tasks for pid in task.read_text().split()}


def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(InputError, match="the cache folder must be writable"):
        cached(make(tmp_path / "c"), tmp_path / "cache")


def test_a_sampling_rate_must_be_positive(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="at least 1 Hz, got 0"):
        cached(make(tmp_path / "c"), tmp_path / "cache", rate=0)


def test_processes_that_cache_the_same_corpus_at_once_agree(tmp_path: Path) -> None:
    root = make(tmp_path / "c", 40)
    script = (
        "import json, sys; from pathlib import Path\n"
        "from study.cache import cache_corpus; from study.corpus import read_corpus\n"
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
    assert len(tree(tmp_path / "cache")) == 1


def test_the_default_cache_follows_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SPECTUNE_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert default_cache_root() == Path.home() / ".cache/spectune"
    monkeypatch.setenv("XDG_CACHE_HOME", "/x")
    assert default_cache_root() == Path("/x/spectune")
    monkeypatch.setenv("SPECTUNE_CACHE", "/y")
    assert default_cache_root() == Path("/y")


def decoded(path: Path, rate: int) -> NDArray[np.float64]:
    samples, scale = decode(path.read_bytes(), rate)
    return samples * np.float64(scale)


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3"])
def test_every_format_gives_the_tone_that_was_written(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    soundfile.write(path, sine(440, 1.0, 44100), 44100)
    wave = decoded(path, 16000)
    spectrum = np.abs(np.fft.rfft(wave[:16000] * np.hanning(16000)[: wave.size]))
    assert abs(int(spectrum.argmax()) - 440) <= 1
    assert np.abs(wave[2000:-2000]).max() == pytest.approx(0.5, abs=0.02)


def test_channels_are_mixed_down(tmp_path: Path) -> None:
    stereo = np.stack([np.full(9, 0.5), np.full(9, -0.25)], axis=1)
    soundfile.write(tmp_path / "a.wav", stereo, RATE)
    np.testing.assert_allclose(decoded(tmp_path / "a.wav", RATE), np.full(9, 0.125), atol=1e-4)


def test_a_float_file_over_full_scale_is_not_clipped(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", sine(50, 0.1, RATE, peak=4.0), RATE, subtype="FLOAT")
    np.testing.assert_allclose(
        decoded(tmp_path / "a.wav", RATE), sine(50, 0.1, RATE, peak=4.0), atol=4 / 32767
    )


@pytest.mark.parametrize(("old", "new"), [(44100, 16000), (8000, 16000), (16000, 11025)])
def test_resampling_keeps_a_tone_and_its_place(old: int, new: int) -> None:
    got = resample(sine(1000, 1.0, old), old, new)
    assert got.size == new
    inner = slice(new // 20, -new // 20)
    np.testing.assert_allclose(got[inner], sine(1000, 1.0, new)[inner], atol=2e-3)


def test_what_is_above_the_new_nyquist_frequency_is_gone() -> None:
    got = resample(sine(9000, 1.0, 44100), 44100, 16000)
    assert np.abs(got[800:-800]).max() < 0.5 * 10 ** (-75 / 20)


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

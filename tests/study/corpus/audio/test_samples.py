"""One audio file to int16 samples at another rate: formats, channels, scale, tones, segments."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from study.corpus.audio.decode import decode_files
from study.corpus.audio.samples import decode_segment, resample
from support.wav_bytes import decode, flac_of_unknown_length

RATE = 8000


def sine(frequency: float, seconds: float, rate: int, peak: float = 0.5) -> NDArray[np.float64]:
    return peak * np.sin(2 * np.pi * frequency * np.arange(round(seconds * rate)) / rate)


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


@pytest.mark.parametrize(("old", "new"), [(44100, 16000), (8000, 16000), (16000, 11025)])
def test_resampling_keeps_a_tone_and_its_place(old: int, new: int) -> None:
    got = resample(sine(1000, 1.0, old), old, new)
    assert got.size == new
    inner = slice(new // 20, -new // 20)
    np.testing.assert_allclose(got[inner], sine(1000, 1.0, new)[inner], atol=2e-3)


def test_what_is_above_the_new_nyquist_frequency_is_gone() -> None:
    got = resample(sine(9000, 1.0, 44100), 44100, 16000)
    assert np.abs(got[800:-800]).max() < 0.5 * 10 ** (-75 / 20)


@pytest.mark.parametrize("new", [RATE, 11025])
def test_a_flac_file_of_unknown_length_is_what_it_is_with_its_length(tmp_path: Path, new: int):
    wave = sine(50, 3.0, RATE)
    soundfile.write(tmp_path / "known.flac", wave, RATE)
    (tmp_path / "unknown.flac").write_bytes(flac_of_unknown_length(wave))
    parts = [(None, None), (1.25, 2.0), (0.5, None), (0.0, 0.25), (2.0, 9.0), (3.5, None)]
    known, unknown = (
        list(decode_files([tmp_path / f"{name}.flac"] * len(parts), new, segments=parts))
        for name in ("known", "unknown")
    )
    for one, other in zip(known[:4], unknown[:4], strict=True):
        np.testing.assert_array_equal(other.samples, one.samples)
    assert unknown[4:] == known[4:]
    assert unknown[4] == "one with a segment from 2 to 9 s after its 3 s"


def test_a_flac_file_of_unknown_length_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("study.corpus.audio.samples.MAX_FRAMES", 1000)
    with pytest.raises(ValueError, match="one that promises 1,001 samples, more than 1,000"):
        decode(flac_of_unknown_length(sine(50, 1.0, RATE)), RATE)


def test_a_segment_at_any_time_is_after_its_file(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", sine(50, 1.0, RATE), RATE)
    parts = [(1e307, 1e308), (0.0, 1e308), (1e300, None), (0.0, 1.0)]
    found = list(decode_files([tmp_path / "a.wav"] * 4, RATE, segments=parts, workers=1))
    assert found[:3] == [
        "one with a segment from 1e+307 to 1e+308 s after its 1 s",
        "one with a segment from 0 to 1e+308 s after its 1 s",
        "one with a segment from 1e+300 to its end after its 1 s",
    ]
    assert found[3].samples.size == RATE

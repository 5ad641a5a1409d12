"""One audio file to int16 samples at another rate: formats, channels, scale, tones, segments."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from study.corpus.audio.decode import decode_files
from study.corpus.audio.headers import look_at_audio
from study.corpus.audio.samples import decode_segment, resample
from study.corpus.clip import Clip
from support.wav_bytes import decode, encoded, flac_of_unknown_length

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


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg"])
@pytest.mark.parametrize("gain", [-1.0, -0.9, -1.1])
def test_of_channels_that_cancel_each_other_the_loudest_is_taken(
    tmp_path: Path, suffix: str, gain: float
) -> None:
    path = tmp_path / f"a.{suffix}"
    voice = sine(440, 2.5, 16000, peak=0.3) * sine(3, 2.5, 16000, peak=1.0)
    soundfile.write(path, np.stack([voice, gain * voice], axis=1), 16000)
    whole = next(iter(decode_files([path], RATE)))
    expected = resample(voice if gain > -1.05 else gain * voice, 16000, RATE)
    heard = whole.samples * np.float64(whole.scale)
    inner = slice(200, -200)
    assert np.corrcoef(heard[inner], expected[inner])[0, 1] > 0.99
    assert heard.std() == pytest.approx(expected.std(), rel=0.05)
    assert whole.cancelled
    part = next(iter(decode_files([path], RATE, segments=[(1.0, 1.5)])))
    assert np.abs(part.samples * part.scale - heard[8000:12000])[200:-200].max() < 1e-3
    assert part.cancelled


def test_channels_that_do_not_cancel_are_mixed_down_whatever_they_are(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    voice, other = rng.normal(size=(2, 9000)) * 0.1
    for channels in (
        [voice, voice],
        [voice, 0 * voice],
        [voice, other],
        [voice, -0.5 * voice],
        [0 * voice] * 15 + [voice],
        [0 * voice, 0 * voice],
        [0 * voice + 0.5, 0 * voice - 0.25],
        [0.3 + voice, 0.3 - 0.7 * voice],
    ):
        soundfile.write(tmp_path / "a.wav", np.stack(channels, axis=1), RATE, subtype="FLOAT")
        whole = next(iter(decode_files([tmp_path / "a.wav"], RATE)))
        heard = whole.samples * np.float64(whole.scale)
        np.testing.assert_allclose(heard, np.mean(channels, axis=0), atol=1e-4)
        assert not whole.cancelled
    offset = np.stack([0.3 + voice, 0.3 - voice], axis=1)  # what is left is constant
    soundfile.write(tmp_path / "a.wav", offset, RATE, subtype="FLOAT")
    assert next(iter(decode_files([tmp_path / "a.wav"], RATE))).cancelled


@pytest.mark.parametrize("form", ["WAV", "AIFF", "OGG", "FLAC", "CAF", "W64", "MP3"])
def test_audio_behind_an_id3_tag_is_whole(tmp_path: Path, form: str) -> None:
    rate = 16000
    data = encoded(
        np.random.default_rng(0).normal(size=rate) * 0.1,
        rate=rate,
        form=form,
        subtype={"OGG": "VORBIS", "MP3": "MPEG_LAYER_III"}.get(form, "PCM_16"),
    )
    tag = b"ID3\3\0\0\0\0\7\x68" + bytes(1000)
    paths = [tmp_path / "plain", tmp_path / "tagged", tmp_path / "twice"]
    for path, before in zip(paths, (b"", tag, tag + tag), strict=True):
        path.write_bytes(before + data)
    plain, *others = decode_files(paths, rate)
    assert plain.samples.size == rate
    for one in others:
        np.testing.assert_allclose(one.samples * one.scale, plain.samples * plain.scale, atol=1e-4)
    part = next(iter(decode_files(paths[1:2], rate, segments=[(0.9, 1.0)])))
    assert part.samples.size == rate // 10
    look = look_at_audio([Clip(p.name, p, "a", "train", None) for p in paths])
    assert look.durations == (1.0, 1.0, 1.0)


def test_a_tag_that_promises_more_than_there_is_is_not_audio(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(b"ID3\4\0\x10\x7f\x7f\x7f\x7f" * 20)
    assert "not audio" in next(iter(decode_files([path], RATE)))


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

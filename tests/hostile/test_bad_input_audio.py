"""Audio files as they come: each is decoded to what it holds, or refused with a reason.

Below, ``None`` stands for what is refused, a number for the samples that there must be.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from study.corpus.audio.decode import decode_files
from support.wav_bytes import RATE, TONE, decode, encoded, riff, tone

GOOD = riff()
pytestmark = pytest.mark.timeout(30)


def samples_of(data: bytes) -> int | None:
    """Samples at 8 kHz, or None where the file is refused as a file may be."""
    try:
        samples, scale = decode(data, RATE)
    except (soundfile.SoundFileError, ValueError):
        return None
    assert samples.dtype == np.int16
    assert np.isfinite(scale)
    assert scale > 0
    return samples.size


CUT = {n: None if n < 46 else (n - 44) // 2 for n in (*range(0, 60), 100, 501, 1643)}


@pytest.mark.parametrize(("n", "samples"), CUT.items())
def test_a_file_cut_short_gives_the_samples_that_are_left_or_none(n: int, samples: int | None):
    assert samples_of(GOOD[:n]) == samples
    if samples:
        whole, _ = decode(GOOD, RATE)
        np.testing.assert_array_equal(decode(GOOD[:n], RATE)[0], whole[:samples])


LYING = [
    ("data says nothing", riff(data_size=0), None),
    ("data says one byte", riff(data_size=1), None),
    ("data says one sample less", riff(data_size=1598), 799),
    ("data says one sample more", riff(data_size=1602), 800),
    ("data says ten times as much", riff(data_size=16000), 800),
    ("data says 2 GiB", riff(data_size=2**31 - 1), 800),
    ("data says 4 GiB, as a stream does", riff(data_size=2**32 - 1), 800),
    ("riff says nothing", riff(riff_size=0), 800),
    ("riff says 4 bytes", riff(riff_size=4), 800),
    ("riff says 4 GiB", riff(riff_size=2**32 - 1), 800),
    ("a chunk before says 4 GiB", riff(before=b"LIST\xff\xff\xff\xffab"), None),
    ("a chunk before of no length", riff(before=b"LIST\0\0\0\0"), 800),
    ("no samples", riff(b""), None),
    ("half a sample", riff(b"\1"), None),
    ("no channel", riff(channels=0), None),
    ("two channels", riff(channels=2), 400),
    ("eight channels", riff(channels=8), 100),
    ("255 channels", riff(channels=255), 3),
    ("more channels than samples", riff(channels=1024), None),
    ("65,535 channels", riff(channels=65535), None),
    ("no sampling rate", riff(rate=0), None),
    ("1 Hz", riff(rate=1), None),
    ("999 Hz", riff(rate=999), None),
    ("1 kHz", riff(rate=1000), 6400),
    ("7,999 Hz", riff(rate=7999), 801),
    ("44.1 kHz", riff(rate=44100), 146),
    ("96 kHz", riff(rate=96000), 67),
    ("192 kHz", riff(rate=192000), 34),
    ("192,001 Hz", riff(rate=192001), None),
    ("2 GHz", riff(rate=2**31 - 1), None),
    ("4 GHz", riff(rate=2**32 - 1), None),
    ("no bits", riff(bits=0), None),
    ("64-bit integers", riff(bits=64), None),
    ("65,535 bits", riff(bits=65535), None),
    ("no alignment", riff(align=0), 800),
    ("a large alignment", riff(align=65535), 800),
]


@pytest.mark.parametrize(("data", "samples"), [pytest.param(d, n, id=name) for name, d, n in LYING])
def test_a_header_that_lies_costs_no_memory_and_no_time(data: bytes, samples: int | None):
    assert samples_of(data) == samples


@pytest.mark.parametrize("tag", [0, 2, 3, 0x11, 0x31, 0x55, 0x161, 0xFFFE, 0xFFFF])
def test_a_codec_that_the_data_is_not_of_is_refused(tag: int):
    assert samples_of(riff(tag=tag)) is None


NOT_AUDIO = {
    "empty": b"",
    "text": b"file_name,label\ntrain_1.wav,a\n" * 50,
    "html": b"<!doctype html><title>404</title>",
    "gzip": b"\x1f\x8b\x08" + bytes(100),
    "zip": b"PK\x03\x04" + bytes(100),
    "npy": b"\x93NUMPY\x01\0v\0{'descr': '|O'",
    "zeros": bytes(5000),
    "pdf": b"%PDF-1.7\n",
    "git lfs": b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64,
    "riff of another kind": b"RIFF\x24\0\0\0AVI LIST" + bytes(60),
    "mp4": b"\0\0\0\x20ftypM4A " + bytes(60),
}


@pytest.mark.parametrize("name", NOT_AUDIO)
def test_what_is_not_audio_is_refused_whatever_it_is_called(name: str):
    assert samples_of(NOT_AUDIO[name]) is None


FORMATS = [
    ("WAV", "PCM_U8", 0.01),
    ("WAV", "PCM_16", 1e-4),
    ("WAV", "PCM_24", 1e-4),
    ("WAV", "PCM_32", 1e-4),
    ("WAV", "FLOAT", 1e-4),
    ("WAV", "DOUBLE", 1e-4),
    ("WAV", "ALAW", 0.02),
    ("WAV", "ULAW", 0.02),
    ("FLAC", "PCM_16", 1e-4),
    ("FLAC", "PCM_24", 1e-4),
    ("AIFF", "PCM_16", 1e-4),
    ("AU", "PCM_16", 1e-4),
    ("W64", "PCM_16", 1e-4),
    ("CAF", "PCM_16", 1e-4),
    ("RF64", "PCM_16", 1e-4),
]


@pytest.mark.parametrize("channels", [1, 2, 8])
@pytest.mark.parametrize(("form", "subtype", "error"), FORMATS)
def test_every_lossless_and_companded_format_gives_the_same_samples(form, subtype, error, channels):
    wave = tone()
    data = encoded(np.stack([wave] * channels, 1), form=form, subtype=subtype)
    samples, scale = decode(data, RATE)
    assert np.abs(samples * scale - wave).max() < error


@pytest.mark.parametrize("subtype", ["IMA_ADPCM", "MS_ADPCM", "GSM610"])
def test_old_telephone_codecs_are_heard(subtype: str):
    wave = tone(0.5)
    samples, scale = decode(encoded(wave, subtype=subtype), RATE)
    assert abs(samples.size - wave.size) < 1000
    heard = samples[: wave.size] * scale
    assert np.corrcoef(heard[200:3800], wave[200:3800])[0, 1] > 0.9


@pytest.mark.parametrize("share", [0.0, 0.003, 0.01, 0.04, 0.5])
@pytest.mark.parametrize("form", ["FLAC", "OGG", "MP3", "AIFF", "AU", "W64", "CAF", "RF64"])
def test_other_formats_cut_short_are_refused_or_shorter_never_longer(form: str, share: float):
    wave = tone(1.0)
    subtype = {"OGG": "VORBIS", "MP3": "MPEG_LAYER_III"}.get(form, "PCM_16")
    data = encoded(wave, form=form, subtype=subtype)
    found = samples_of(data[: int(share * len(data))])
    assert found is None or 0 < found < wave.size


def test_what_a_cut_mp3_lacks_is_not_made_up_of_whatever_is_in_memory():
    data = encoded(tone(1.0), form="MP3", subtype="MPEG_LAYER_III")
    cut = data[: len(data) // 2]
    found = []
    for i in range(20):
        np.full(8001, float(i), np.float32)  # memory that the next array is likely to take
        found.append(decode(cut, RATE)[0])
    assert 0 < found[0].size < 4000
    for one in found:
        np.testing.assert_array_equal(one, found[0])


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (np.nan, False),
        (np.inf, False),
        (-np.inf, False),
        (1e30, False),
        (3e38, False),
        (-1e12, False),
        (2.0**31, True),
        (-40000.0, True),
        (1e-40, True),
    ],
)
def test_float_samples_that_no_recording_has_are_refused(value: float, kept: bool):
    wave = tone().astype(np.float32)
    wave[7] = value
    data = encoded(wave, subtype="FLOAT")
    assert (samples_of(data) is not None) == kept


@pytest.mark.parametrize("value", [1e300, -1e300, 1e39])
def test_doubles_beyond_single_precision_are_refused(value: float):
    wave = tone()
    wave[7] = value
    assert samples_of(encoded(wave, subtype="DOUBLE")) is None


def test_a_compressed_bomb_is_refused_by_its_header_alone():
    data = bytearray(encoded(np.zeros(RATE), form="FLAC", subtype="PCM_16"))
    # STREAMINFO's last 36 bits before the digest are the number of samples.
    data[21] |= 0x0F
    data[22:26] = b"\xff\xff\xff\xff"
    with pytest.raises(ValueError, match=r"68,719,476,735 samples"):
        decode(bytes(data), RATE)


def test_the_decoders_name_each_bad_file_and_go_on(tmp_path: Path):
    contents = {"a.wav": GOOD, "b.wav": b"text", "c.wav": riff(rate=1), "d.wav": GOOD[:44]}
    contents |= {"e.wav": riff(data_size=16000), "f.flac": GOOD, "ü 7.wav": GOOD}
    for name, data in contents.items():
        (tmp_path / name).write_bytes(data)
    (tmp_path / "g.wav").symlink_to(tmp_path / "nowhere")
    (tmp_path / "h.wav").mkdir()
    paths = [tmp_path / name for name in [*contents, "g.wav", "h.wav"]]
    told = list(decode_files(paths, RATE, workers=1))
    refused = [one if isinstance(one, str) else one.samples.size for one in told]
    assert [refused[i] for i in (0, 4, 5, 6)] == [800] * 4
    faults = [refused[i] for i in (1, 2, 3, 7, 8)]
    assert all(isinstance(one, str) and one.startswith("one ") for one in faults), faults
    assert "Traceback" not in "".join(faults)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_hostile_headers_leave_the_decoder_small(tmp_path: Path):
    hostile = [riff(rate=r) for r in (1, 2**31 - 1)] + [riff(data_size=2**32 - 1)]
    hostile += [riff(channels=c) for c in (255, 1024)]
    code = """
import io, json, sys
from pathlib import Path
import soundfile
from study.corpus.audio.samples import decode_segment
for text in json.loads(sys.stdin.read()):
    try:
        with soundfile.SoundFile(io.BytesIO(bytes.fromhex(text))) as file:
            decode_segment(file, 16000, None, None)
    except (ValueError, RuntimeError):
        pass
print(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        input=json.dumps([data.hex() for data in hostile]),
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        cwd=Path(__file__).parents[2],
    )
    assert int(done.stdout) < 300_000  # KiB; an interpreter with numpy and scipy has about 100,000


def test_the_tone_is_what_it_should_be():
    np.testing.assert_array_equal(decode(GOOD, RATE)[0], np.frombuffer(TONE, "<i2"))

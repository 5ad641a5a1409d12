"""Audio files as bytes, good and spoilt; imported, not collected."""

from __future__ import annotations

import io
import struct

import numpy as np
import soundfile
from numpy.typing import NDArray

from study.corpus.audio.samples import decode_segment

RATE = 8000
TONE = (np.sin(np.arange(800) / 5) * 8000).astype("<i2").tobytes()


def decode(data: bytes, sampling_rate: int) -> tuple[NDArray[np.int16], float]:
    """The samples of the bytes of an audio file, and their scale."""
    with soundfile.SoundFile(io.BytesIO(data)) as file:
        return decode_segment(file, sampling_rate, None, None)


def riff(
    data: bytes = TONE,
    *,
    tag: int = 1,
    channels: int = 1,
    rate: int = RATE,
    bits: int = 16,
    align: int | None = None,
    riff_size: int | None = None,
    data_size: int | None = None,
    before: bytes = b"",
) -> bytes:
    """A RIFF WAVE file whose header says what it is told to say."""
    align = channels * bits // 8 if align is None else align
    rates = struct.pack("<II", rate % 2**32, rate * align % 2**32)
    form = struct.pack("<HH", tag, channels) + rates + struct.pack("<HH", align % 65536, bits)
    size = len(data) if data_size is None else data_size
    body = b"WAVEfmt " + struct.pack("<I", len(form)) + form + before
    body += b"data" + struct.pack("<I", size) + data
    total = len(body) if riff_size is None else riff_size
    return b"RIFF" + struct.pack("<I", total) + body


def tone(seconds: float = 0.1, rate: int = RATE) -> np.ndarray:
    """A sine at half of full scale, shape ``(samples,)``."""
    return 0.5 * np.sin(np.arange(round(seconds * rate)) / 5)


def flac_of_unknown_length(samples: np.ndarray, rate: int = RATE) -> bytes:
    """A FLAC file as a program writes it that cannot go back to its header."""
    data = bytearray(encoded(samples, rate=rate, form="FLAC", subtype="PCM_16"))
    data[21] &= 0xF0  # 36 bits of STREAMINFO
    data[22:26] = bytes(4)
    return bytes(data)


def encoded(samples: np.ndarray, *, rate: int = RATE, form: str = "WAV", subtype: str) -> bytes:
    """Samples as libsndfile writes them."""
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format=form, subtype=subtype)
    return file.getvalue()

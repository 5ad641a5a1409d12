"""What is measured of one audio file, read once: the row that all findings are made from."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from study.checking.fingerprint import SIZE, fingerprint
from study.checking.measures import MEASURES, measure, spectrogram
from study.corpus.audio.decode import Segment
from study.corpus.audio.id3 import audio_start
from study.corpus.audio.mixdown import Mixdown
from study.corpus.audio.samples import UNKNOWN, frame_at, read_on

if TYPE_CHECKING:
    import soundfile

FACTS_VERSION = 3  # raised whenever the same file gives another row

_BLOCK = 1 << 20  # frames of a file of unknown length that are read at a time
FACTS = np.dtype(
    [
        ("fault", "S120"),  # why it cannot be read; all else is zero then
        ("sha256", "S64"),  # of the file's bytes
        ("audio", "S32"),  # digest of the decoded samples and the rate: equal audio, any container
        ("format", "S24"),  # "WAV PCM_16"
        ("rate", "i4"),  # Hz
        ("channels", "i2"),
        ("frames", "i8"),  # samples per channel
        ("cut", "?"),  # the file ends before what its header promises
        ("late", "f4"),  # seconds by which a segment's end lies after the file's
        ("cancelled", "?"),  # the channels cancel each other, and one of them is measured
        ("bad", "i8"),  # samples that are NaN or infinite
        ("dc", "f4"),  # mean, as a share of the peak
        ("clipped", "f4"),  # share of samples in flat tops
        *((name, "f4") for name in MEASURES),
        ("fingerprint", "f2", (SIZE,)),
    ]
)


def facts_of(data: bytes, segments: Sequence[Segment] = ((None, None),)) -> NDArray[np.void]:
    """One row of ``FACTS`` per segment of an audio file.

    Args:
        data: The file's bytes.
        segments: Parts of it, each a clip of its own.
    """
    import soundfile

    rows = np.zeros(len(segments), FACTS)
    rows["sha256"] = hashlib.sha256(data).hexdigest().encode()
    try:
        data = data[audio_start(io.BytesIO(data)) :]
        with soundfile.SoundFile(io.BytesIO(data)) as file:
            rate, promised = file.samplerate, file.frames
            rows["format"] = f"{file.format} {file.subtype}".encode()[:24]
            wave = _read(file)
    except (soundfile.SoundFileError, RuntimeError) as error:
        rows["fault"] = f"is not audio: {str(error).rpartition(': ')[2].rstrip('.')}".encode()[:120]
        return rows
    rows["rate"], rows["channels"] = rate, wave.shape[1]
    rows["cut"] = len(wave) < promised < UNKNOWN or wav_is_cut(data)
    for row, (start, end) in zip(rows, segments, strict=True):
        first = frame_at(start or 0.0, rate)
        row["late"] = max(0.0, min(end or 0.0, UNKNOWN) - len(wave) / rate)
        _describe(row, wave[first : None if end is None else frame_at(end, rate)], rate)
    return rows


def without_facts(fault: str, n: int = 1) -> NDArray[np.void]:
    """Rows that say why there is nothing to say, in words that follow "a file that"."""
    rows = np.zeros(n, FACTS)
    rows["fault"] = fault.encode()[:120]
    return rows


def _read(file: soundfile.SoundFile) -> NDArray[np.float32]:
    """Return all samples of a file, ``(samples, channels)``."""
    if file.frames < UNKNOWN:
        return file.read(dtype="float32", always_2d=True)  # type: ignore[no-any-return]
    read_on(file)
    blocks: list[NDArray[np.float32]] = []
    while not blocks or len(blocks[-1]):
        blocks.append(file.read(_BLOCK, dtype="float32", always_2d=True))
    return np.concatenate(blocks)


def _describe(row: Any, wave: NDArray[np.float32], rate: int) -> None:
    """Fill in what a clip's samples show, shape ``(samples, channels)``."""
    row["frames"] = len(wave)
    digest = hashlib.blake2b(f"{rate} {wave.shape}".encode(), digest_size=16)
    digest.update(np.ascontiguousarray(wave).data)
    row["audio"] = digest.hexdigest().encode()
    row["bad"] = np.count_nonzero(~np.isfinite(wave))
    if not len(wave) or row["bad"]:
        return
    mixdown = Mixdown(wave.shape[1])
    mono = mixdown.add(wave)
    if mixdown.cancelled:
        row["cancelled"], mono = True, np.ascontiguousarray(wave[:, mixdown.loudest])
    peak = float(np.abs(wave).max())
    row["dc"] = abs(float(mono.mean(dtype=np.float64))) / peak if peak > 0 else 0.0
    row["clipped"] = clipped_share(mono)
    power, hop = spectrogram(mono, rate)
    for name, value in zip(MEASURES, measure(mono, rate, power, hop), strict=True):
        row[name] = value
    row["fingerprint"] = fingerprint(power, hop / rate, rate)


def clipped_share(wave: NDArray[np.float32]) -> float:
    """Share of samples in flat tops: three or more in a row at the highest or lowest value.

    Only a peak above half of full scale counts, since quiet recordings have few steps.

    >>> clipped_share(np.array([0, 0.9, 0.9, 0.9, 0, -0.9, -0.9, 0.1], np.float32))
    0.375
    """
    flat = 0
    for extreme, sign in ((float(wave.max()), 1), (float(wave.min()), -1)):
        if sign * extreme <= 0.5:
            continue
        at = np.concatenate([[False], wave == extreme, [False]])
        edges = np.flatnonzero(at[1:] != at[:-1])
        lengths = edges[1::2] - edges[::2]
        flat += int(lengths[lengths >= 3].sum())
    return flat / wave.size


def wav_is_cut(data: bytes) -> bool:
    """Whether the samples of a RIFF WAVE file end before its header says.

    Sizes of 0 and of 2^32 - 1 are what programs write that do not know the length yet.
    """
    if data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        return False
    at = 12
    while at + 8 <= len(data):
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        if data[at : at + 4] == b"data":
            return size not in (0, 0xFFFFFFFF) and at + 8 + size > len(data)
        at += 8 + size + size % 2
    return False

"""The samples of an audio file: decoded, mixed down, resampled, 16 bits.

Resampling is scipy's polyphase filter with a longer Kaiser window than its default (stop band
below -80 dB from the new Nyquist frequency on): scipy is a dependency already and starts in
a fraction of torchaudio's time in every decoder, and the files of one corpus are mostly at
one rate, so that the filter is designed once.
"""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from runners.clips import PCM16_SCALE, quantise
from study.corpus.audio.mixdown import Mixdown

if TYPE_CHECKING:
    import soundfile

RATES = (1000, 192_000)  # Hz, of files; as of studies
MAX_FRAMES = 2**28  # of one clip, 4.6 hours at 16 kHz; a header may promise anything
MAX_PEAK = 2.0**31  # full scale is 1; float files of 32-bit integers occur, more are damaged
UNKNOWN = 2**62  # frames; libsndfile says more of a FLAC file whose header does not tell them
_BLOCK = 1 << 20  # values read at a time: a long stereo file is mixed down as it is read
_LATE = 0.01  # seconds by which a segment may end after its file


class Part(NamedTuple):
    """What was decoded of a file.

    Args:
        samples: (samples,).
        scale: See `runners.clips.Clips`.
        cancelled: Whether its channels cancel each other, so that it is one of them.
    """

    samples: NDArray[np.int16]
    scale: float
    cancelled: bool = False


@functools.lru_cache(maxsize=8)
def _filter(up: int, down: int) -> NDArray[np.float64]:
    from scipy.signal import firwin, kaiserord

    # Pass up to 0.9 of the lower Nyquist frequency, 80 dB down from there on.
    n_taps, beta = kaiserord(80.0, 0.1 / max(up, down))
    taps: NDArray[np.float64] = firwin(n_taps | 1, 0.95 / max(up, down), window=("kaiser", beta))
    return taps


def resample(waveform: NDArray[Any], old: int, new: int) -> NDArray[Any]:
    """Change the sampling rate of ``(samples,)`` from ``old`` to ``new`` Hz; keeps the duration.

    The length becomes ``ceil(samples * new / old)``.
    """
    if old == new:
        return waveform
    from scipy.signal import resample_poly

    common = math.gcd(old, new)
    up, down = new // common, old // common
    result: NDArray[Any] = resample_poly(
        waveform, up, down, window=_filter(up, down).astype(waveform.dtype)
    )
    return result


def frame_at(seconds: float, rate: int) -> int:
    """Return the frame at a time, at any that a table may give: at most `UNKNOWN`.

    >>> frame_at(0.5, 8000), frame_at(1e307, 8000) == UNKNOWN
    (4000, True)
    """
    return round(min(seconds * rate, UNKNOWN))


def read_on(file: soundfile.SoundFile) -> None:
    """Let a file of unknown length be read to its end: soundfile seeks after every block else."""
    if file.frames > UNKNOWN:
        file.seekable = lambda: False


def decode_segment(
    file: soundfile.SoundFile, sampling_rate: int, start: float | None, end: float | None
) -> tuple[NDArray[np.int16], float]:
    """Return samples and scale of `decode_part`."""
    part = decode_part(file, sampling_rate, start, end)
    return part.samples, part.scale


def decode_part(
    file: soundfile.SoundFile, sampling_rate: int, start: float | None, end: float | None
) -> Part:
    """Decode a part of an open file, mixed down to mono, at ``sampling_rate`` Hz.

    16-bit mono PCM at that rate comes through bit for bit. A part is what lies there in the whole
    file resampled: the filter hears what comes before and after. Where channels cancel each other
    in the part, the one that varies most is taken (`Mixdown`).

    Args:
        file: Opened for reading.
        sampling_rate: Hz.
        start: Seconds; None for the beginning.
        end: Seconds; None for the end.

    Raises:
        ValueError: The part is empty, not in the file, or holds NaN or infinity.
        soundfile.SoundFileError: It is not audio that libsndfile reads.
    """
    old, new = file.samplerate, sampling_rate
    if not RATES[0] <= old <= RATES[1]:
        raise ValueError(
            f"one with a sampling rate of {old:,} Hz, not {RATES[0]:,} to {RATES[1]:,}"
        )
    common = math.gcd(old, new)
    up, down = new // common, old // common
    exact = file.subtype == "PCM_16" and file.channels == 1 and up == down
    dtype, frames, whole = ("int16" if exact else "float32"), file.frames, None
    if frames > UNKNOWN:
        read_on(file)
        whole, cancelled = _read_mono(file, 0, MAX_FRAMES + 1, dtype)
        frames = len(whole)
    total = -(-frames * up // down)  # what resampling makes of the whole file
    first = frame_at(start or 0.0, new)
    last = total if end is None else frame_at(end, new)
    if last > total + _LATE * new or (start is not None and first >= total):
        place = f"{start or 0:g} to {'its end' if end is None else f'{end:g} s'}"
        raise ValueError(f"one with a segment from {place} after its {frames / old:g} s")
    around = 0 if up == down else math.ceil(_half_width(up, down) / down) + 1
    # In steps of `down` frames, which are `up` samples of what is resampled.
    before = max(first // up - around, 0)
    after = -(-last // up) + around
    n_frames = min(after * down, frames) - before * down
    if n_frames > MAX_FRAMES:
        raise ValueError(f"one that promises {n_frames:,} samples, more than {MAX_FRAMES:,}")
    if whole is None:
        mono, cancelled = _read_mono(file, before * down, n_frames, dtype)
    else:
        mono = whole[before * down : before * down + n_frames]
    if start is not None or end is not None:
        cut = slice(first - before * up, None if end is None else last - before * up)
    else:
        cut = slice(None)
    samples = resample(mono, old, new)[cut]
    if not samples.size:
        raise ValueError("one without a single sample")
    if exact:
        return Part(np.ascontiguousarray(samples), PCM16_SCALE)
    return Part(*quantise(samples), cancelled)


def _half_width(up: int, down: int) -> float:
    """Frames that the resampling filter hears on either side of a sample."""
    return float(_filter(up, down).size) / 2 / up


def _go_to(file: soundfile.SoundFile, frame: int) -> None:
    """Make ``frame`` the next that is read.

    libsndfile (1.2.2) seeks in Ogg files to a place near the one that is asked for; there,
    everything before is read.

    Raises:
        ValueError: The codec (GSM 6.10) cannot say or change where it is, and begins at 0.
    """
    if not file.seekable():
        if frame:
            raise ValueError("one whose codec cannot seek, so that no segment of it can be read")
        return
    if file.tell() != frame:
        if file.format != "OGG":
            file.seek(frame)
        elif file.tell() > frame:
            file.seek(0)
    while file.tell() < frame:
        if not len(file.read(min(_BLOCK // file.channels + 1, frame - file.tell()))):
            break


def _read_mono(
    file: soundfile.SoundFile, start: int, n: int, dtype: str, channel: int | None = None
) -> tuple[NDArray[Any], bool]:
    """Read ``n`` frames from ``start`` on, mixed down as they are read, or of one channel.

    Returns:
        The samples, and whether they are of one channel because all cancel each other.
    """
    _go_to(file, start)
    parts: list[NDArray[Any]] = []
    mixdown, left = Mixdown(file.channels), n
    size = 1 + min(_BLOCK // file.channels, file.frames)
    # `file.blocks` would give whatever is in memory where a file ends before its header says.
    while left > 0:
        block = file.read(min(size, left), dtype=dtype, always_2d=True)
        if not len(block):
            break
        left -= len(block)
        if dtype != "int16":
            if not np.isfinite(block).all():
                raise ValueError("one with NaN or infinite samples")
            if np.abs(block).max() > MAX_PEAK:
                raise ValueError(f"one with samples of {np.abs(block).max():.3g}; full scale is 1")
        parts.append(mixdown.add(block) if channel is None else block[:, channel])
    if channel is None and mixdown.cancelled:
        if not file.seekable():
            raise ValueError("one whose channels cancel each other, and whose codec cannot seek")
        return _read_mono(file, start, n, dtype, mixdown.loudest)
    mono = parts[0] if len(parts) == 1 else np.concatenate(parts) if parts else np.zeros(0, dtype)
    return mono, channel is not None

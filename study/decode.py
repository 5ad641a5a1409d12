"""Audio files to int16 waveforms, in subprocesses that may crash or hang.

A decoder is a program of its own (``python -m study.decode RATE SECONDS``): it reads one JSON
string (a path) per line and answers with one JSON line, followed by the samples' bytes. A process
that dies takes one file with it; its successor goes on with the next.

Resampling is scipy's polyphase filter with a longer Kaiser window than its default (stop band
below -80 dB from the new Nyquist frequency on): scipy is a dependency already and starts in
a fraction of torchaudio's time in every decoder, and the files of one corpus are mostly at
one rate, so that the filter is designed once.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import io
import json
import math
import os
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from runners.clips import PCM16_SCALE, quantise

__all__ = ["DECODER", "Decoded", "decode", "decode_files", "n_cores", "resample"]

DECODER = (sys.executable, "-P", "-m", "study.decode")
_AHEAD = 32  # files decoded ahead of the one that is waited for; bounds the memory


@dataclass(frozen=True, eq=False)
class Decoded:
    """One decoded file.

    Attributes:
        samples: int16 of shape ``(samples,)``; ``waveform = samples * scale``.
        scale: See :class:`runners.clips.Clips`.
        digest: SHA-256 of the file's bytes.
    """

    samples: NDArray[np.int16]
    scale: float
    digest: str


def n_cores() -> int:
    """CPU cores this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on every system
        return os.cpu_count() or 1


def decode_files(
    paths: Sequence[Path],
    sampling_rate: int,
    *,
    workers: int | None = None,
    seconds_per_file: float = 60.0,
    command: Sequence[str] = DECODER,
) -> Generator[Decoded | str, None, None]:
    """Decode files in parallel subprocesses; yields in the order of ``paths``.

    Args:
        paths: Audio files.
        sampling_rate: Hz, of what is yielded.
        workers: Decoders at a time; all cores when None.
        seconds_per_file: A decoder that needs longer is killed (POSIX only).
        command: The decoder's command line, for tests.

    Yields:
        A :class:`Decoded`, or what is wrong with the file as the end of a sentence.

    Raises:
        RuntimeError: A decoder does not start at all.
    """
    arguments = [*command, str(sampling_rate), repr(seconds_per_file)]
    own = threading.local()
    started: list[_Decoder] = []

    def one(path: Path) -> Decoded | str:
        decoder: _Decoder | None = getattr(own, "decoder", None)
        if decoder is None or not decoder.alive:
            decoder = own.decoder = _Decoder(arguments)
            started.append(decoder)
        return decoder.decode(path, seconds_per_file)

    workers = min(workers or n_cores(), max(len(paths), 1))
    pool = ThreadPoolExecutor(workers, thread_name_prefix="decode")
    waiting: deque[Future[Decoded | str]] = deque()
    try:
        for path in paths:
            waiting.append(pool.submit(one, path))
            if len(waiting) > workers + _AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()
        for decoder in started:
            decoder.stop()
        pool.shutdown()
        for decoder in started:  # one may have started while the others were stopped
            decoder.stop()


class _Decoder:
    """One decoder process, used by one thread."""

    def __init__(self, arguments: Sequence[str]) -> None:
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(arguments, stdin=pipe, stdout=pipe, stderr=pipe)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._in, self._out = self._process.stdin, self._process.stdout
        self.alive = self._out.readline() == b"ready\n"
        if not self.alive:
            said = self._process.stderr.read().decode(errors="replace").strip()
            self.stop()
            raise RuntimeError(f"the decoder {' '.join(arguments)} does not start: {said[-500:]}")

    def decode(self, path: Path, limit: float) -> Decoded | str:
        try:
            self._in.write(json.dumps(os.fspath(path)).encode() + b"\n")
            self._in.flush()
            head = json.loads(self._out.readline())
            if "fault" in head:
                return str(head["fault"])
            data = self._out.read(2 * head["n"])
            if len(data) == 2 * head["n"]:
                return Decoded(np.frombuffer(data, np.int16), head["scale"], head["digest"])
        except (OSError, json.JSONDecodeError):
            pass  # it died; what it died of is said below
        self.alive = False
        code = self._process.wait()
        if hasattr(signal, "SIGALRM") and code == -signal.SIGALRM:
            return f"one that takes longer than {limit:g} s to decode"
        with contextlib.suppress(ValueError):
            return f"one that crashes the decoder ({signal.Signals(-code).name})"
        return f"one that crashes the decoder (exit code {code})"

    def stop(self) -> None:
        self.alive = False
        self._process.kill()
        self._process.wait()
        for pipe in (self._in, self._out, self._process.stderr):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()


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


def decode(data: bytes, sampling_rate: int) -> tuple[NDArray[np.int16], float]:
    """Decode the bytes of one audio file, mixed down to mono, at ``sampling_rate`` Hz.

    16-bit mono PCM at that rate comes through bit for bit.

    Returns:
        Samples of shape ``(samples,)`` and their scale.

    Raises:
        ValueError: It is empty or holds NaN or infinity.
        soundfile.SoundFileError: It is not audio that libsndfile reads.
    """
    import soundfile

    with soundfile.SoundFile(io.BytesIO(data)) as file:
        exact = file.subtype == "PCM_16" and file.channels == 1 and file.samplerate == sampling_rate
        read = file.read(dtype="int16" if exact else "float32", always_2d=True)
        rate = file.samplerate
    if not read.size:
        raise ValueError("one without a single sample")
    if exact:
        return np.ascontiguousarray(read[:, 0]), PCM16_SCALE
    if not np.isfinite(read).all():
        raise ValueError("one with NaN or infinite samples")
    mono = read[:, 0] if read.shape[1] == 1 else read.mean(axis=1)
    return quantise(resample(mono, rate, sampling_rate))


def _answer(path: str, sampling_rate: int, out: BinaryIO) -> None:
    import soundfile

    try:
        data = Path(path).read_bytes()
        samples, scale = decode(data, sampling_rate)
    except OSError as error:
        fault = f"one that cannot be read: {error.strerror or error}"
    except (soundfile.SoundFileError, RuntimeError) as error:
        fault = f"one that is not audio: {str(error).rpartition(': ')[2].rstrip('.')}"
    except ValueError as error:
        fault = str(error)
    except MemoryError:
        fault = "one that does not fit in memory"
    else:
        head = {"n": samples.size, "scale": scale, "digest": hashlib.sha256(data).hexdigest()}
        out.write(json.dumps(head).encode() + b"\n" + samples.tobytes())
        return
    out.write(json.dumps({"fault": fault}).encode() + b"\n")


def main(arguments: Sequence[str]) -> None:
    """Answer paths on standard input until it closes; ``arguments`` are rate and seconds."""
    import soundfile  # noqa: F401 (before "ready": a broken install is not a broken file)

    sampling_rate, limit = int(arguments[0]), float(arguments[1])
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends us by closing the pipe
    out = sys.stdout.buffer
    out.write(b"ready\n")
    out.flush()
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 2)  # MP3 decoders chat on standard error, and nobody reads it
    alarm = getattr(signal, "setitimer", None)
    for line in sys.stdin.buffer:
        if alarm is not None:  # SIGALRM's default action ends even a hung C library
            alarm(signal.ITIMER_REAL, limit)
        _answer(json.loads(line), sampling_rate, out)
        if alarm is not None:
            alarm(signal.ITIMER_REAL, 0)
        out.flush()


if __name__ == "__main__":
    main(sys.argv[1:])

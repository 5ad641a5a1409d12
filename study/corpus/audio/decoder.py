"""A program that decodes audio files and may crash or hang.

`python -m study.corpus.audio.decoder RATE SECONDS`.

It reads lines, each a JSON array of arrays (path, start, end), and answers every one of these with
one JSON line, followed by the samples' bytes. What starts it is ``study.corpus.audio.decode``.
"""

from __future__ import annotations

import io
import json
import os
import signal
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from study.corpus.audio.samples import decode_segment

if TYPE_CHECKING:
    import soundfile


NICE = 10
_BUFFER = 1 << 16  # bytes


class _Watched(io.FileIO):
    """A file that remembers an error: libsndfile takes one for the file's end."""

    error: OSError | None = None

    def readinto(self, buffer: Any) -> int | None:
        try:
            return super().readinto(buffer)
        except OSError as error:
            self.error = error
            raise


class _Files:
    """The file that was read last, still open."""

    def __init__(self) -> None:
        self._path = ""
        self._raw: _Watched | None = None
        self._file: soundfile.SoundFile | None = None

    def read(self, request: Sequence[Any], sampling_rate: int) -> dict[str, Any]:
        """Answer a path with start and end; ``samples`` is what is sent behind the rest."""
        import soundfile

        path, start, end = request
        if path != self._path or self._file is None:
            self.close()
            self._raw = _Watched(path, "rb")
            # libsndfile reads in pieces of a few bytes.
            self._file = soundfile.SoundFile(io.BufferedReader(self._raw, _BUFFER))
            self._path = path
        raw = self._raw
        assert raw is not None
        stat = os.fstat(raw.fileno())
        samples, scale = decode_segment(self._file, sampling_rate, start, end)
        if raw.error is not None:
            raise raw.error
        return {
            "n": samples.size,
            "scale": scale,
            "size": stat.st_size,
            "mtime_ns": stat.st_mtime_ns,
            "samples": samples,
        }

    def close(self) -> None:
        for file in (self._file, self._raw):
            if file is not None:
                file.close()
        self._path, self._file, self._raw = "", None, None


def _answer(request: Sequence[Any], sampling_rate: int, files: _Files) -> tuple[bytes, Any]:
    """Return an answer's line and its samples."""
    import soundfile

    try:
        head = files.read(request, sampling_rate)
    except OSError as error:
        fault = f"one that cannot be read: {error.strerror or error}"
    except (soundfile.SoundFileError, RuntimeError) as error:
        fault = f"one that is not audio: {str(error).rpartition(': ')[2].rstrip('.')}"
    except ValueError as error:
        fault = str(error)
    except MemoryError:
        fault = "one that does not fit in memory"
    else:
        samples = head.pop("samples")
        return json.dumps(head).encode() + b"\n", samples.data
    files.close()
    return json.dumps({"fault": fault}).encode() + b"\n", b""


def main(arguments: Sequence[str]) -> None:
    """Answer requests on standard input until it closes; ``arguments`` are rate and seconds."""
    import soundfile  # noqa: F401 (before "ready": a broken install is not a broken file)

    sampling_rate, limit = int(arguments[0]), float(arguments[1])
    # Networks that predict meanwhile lose more to a decoder on one of their cores than it gains:
    # all their threads wait for the one that lost its turn.
    if hasattr(os, "nice"):
        os.nice(NICE)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends us by closing the pipe
    out = sys.stdout.buffer
    out.write(b"ready\n")
    out.flush()
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 2)  # MP3 decoders chat on standard error, and nobody reads it
    alarm = getattr(signal, "setitimer", None)
    files = _Files()
    for line in sys.stdin.buffer:
        for request in json.loads(line):
            if alarm is not None:  # SIGALRM's default action ends even a hung C library
                alarm(signal.ITIMER_REAL, limit)
            head, samples = _answer(request, sampling_rate, files)
            if alarm is not None:  # while it writes, the reader may let it wait
                alarm(signal.ITIMER_REAL, 0)
            out.write(head)
            out.write(samples)
            out.flush()


if __name__ == "__main__":
    main(sys.argv[1:])

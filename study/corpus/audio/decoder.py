"""The program that decodes audio files and may crash or hang.

``python -m study.corpus.audio.decoder RATE SECONDS`` is started by ``study.corpus.audio.decode``.
A request is [path, start, end]; behind an answer come the samples' bytes.
"""

from __future__ import annotations

import io
import os
import stat
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from study.corpus.audio.id3 import without_tag
from study.corpus.audio.samples import UNKNOWN, decode_part
from study.corpus.audio.worker_process import serve

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

    def read(self, request: Sequence[Any], sampling_rate: int) -> tuple[dict[str, Any], Any]:
        """Return for a path with start and end what describes the samples, and these."""
        import soundfile

        path, start, end = request
        if path != self._path or self._file is None:
            self.close()
            if not stat.S_ISREG(os.stat(path).st_mode):  # noqa: PTH116 (faster)
                raise ValueError("one that is no regular file")
            self._raw = _Watched(path, "rb")
            # libsndfile reads in pieces of a few bytes.
            self._file = soundfile.SoundFile(without_tag(io.BufferedReader(self._raw, _BUFFER)))
            # One of unknown length is read to its end, each time.
            self._path = path if self._file.frames < UNKNOWN else ""
        raw = self._raw
        assert raw is not None
        about = os.fstat(raw.fileno())
        samples, scale, cancelled = decode_part(self._file, sampling_rate, start, end)
        if raw.error is not None:
            raise raw.error
        head = {"scale": scale, "size": about.st_size, "mtime_ns": about.st_mtime_ns}
        return {**head, "cancelled": cancelled}, samples.data

    def close(self) -> None:
        for file in (self._file, self._raw):
            if file is not None:
                file.close()
        self._path, self._file, self._raw = "", None, None


def _answer(request: Sequence[Any], sampling_rate: int, files: _Files) -> tuple[Any, Any]:
    """Return what describes the samples of a request, and these; or what is wrong."""
    import soundfile

    try:
        return files.read(request, sampling_rate)
    except OSError as error:
        fault = f"one that cannot be read: {error.strerror or error}"
    except (soundfile.SoundFileError, RuntimeError) as error:
        fault = f"one that is not audio: {str(error).rpartition(': ')[2].rstrip('.')}"
    except ValueError as error:
        fault = str(error)
    except MemoryError:
        fault = "one that does not fit in memory"
    files.close()
    return {"fault": fault}, b""


def main(arguments: Sequence[str]) -> None:
    """Answer requests on standard input until it closes; ``arguments`` are rate and seconds."""
    import soundfile  # noqa: F401 (before "ready": a broken install is not a broken file)

    sampling_rate, limit = int(arguments[0]), float(arguments[1])
    # Networks that predict meanwhile lose more to a decoder on one of their cores than it gains:
    # all their threads wait for the one that lost its turn.
    if hasattr(os, "nice"):
        os.nice(NICE)
    files = _Files()
    serve(lambda request: _answer(request, sampling_rate, files), limit)


if __name__ == "__main__":
    main(sys.argv[1:])

"""What is shown must not stop what is done: a terminal may vanish, a reader leave, a disk be full.

spectune run study.yaml | head -1       # trains to the end
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Iterator
from typing import Any, TextIO


class Shown:
    """A text stream whose errors stop nobody; what cannot be written is lost.

    Args:
        stream: What it writes to; it has all else of it, too.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.error: OSError | None = None  # the first that was met

    def write(self, text: str) -> int:
        """Write; a character that the stream's encoding lacks is escaped."""
        with self._undisturbed():
            try:
                self._stream.write(text)
            except UnicodeEncodeError as error:
                known = text.encode(error.encoding, "backslashreplace").decode(error.encoding)
                self._stream.write(known)
        return len(text)

    def flush(self) -> None:
        """Send on what was written."""
        with self._undisturbed():
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    @contextlib.contextmanager
    def _undisturbed(self) -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError) as error:  # ValueError: it was closed
            self.error = self.error or OSError(*error.args)
            with contextlib.suppress(OSError, ValueError):
                _sink(self._stream.fileno())  # with what waits in its buffer


def _sink(fd: int) -> None:
    """Let all that is written to a file descriptor from now on go nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, fd)
    os.close(nowhere)


def lost(stream: Any) -> str | None:
    """Why what was printed to a stream is lost; None where it is not, or its reader has gone."""
    error = getattr(stream, "error", None)
    if not isinstance(error, OSError) or error.errno == errno.EPIPE:
        return None
    return error.strerror or str(error)


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Let nothing that happens to standard output and error stop what is done meanwhile."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (
        stream if stream is None or isinstance(stream, Shown) else Shown(stream)
        for stream in before
    )
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before

"""Audio behind an ID3 tag, which some programs put before files of any kind.

libsndfile (1.2.2) passes over the tag, but then ends WAV and AIFF files as many bytes early, and
does not open Ogg, CAF and W64 files, nor FLAC behind two tags. What begins as these do is
therefore given to it without tags.
"""

from __future__ import annotations

import io
from typing import Any, BinaryIO

KINDS = (b"RIFF", b"RIFX", b"RF64", b"FORM", b"OggS", b"caff", b"riff", b"fLaC")
MOST_TAGS = 10
_HEADER = 10  # bytes of a tag's header, and of its footer


def audio_start(raw: BinaryIO) -> int:
    r"""Return the byte at which a file's audio begins: 0, or behind tags before `KINDS`.

    Args:
        raw: Of which nothing has been read; it is left at its beginning.

    >>> audio_start(io.BytesIO(b"ID3\x03\0\0\0\0\0\x02--RIFF"))
    12
    """
    at, head = 0, raw.read(_HEADER)
    for _ in range(MOST_TAGS):
        if head[:3] != b"ID3" or len(head) < _HEADER:
            break
        size = 0
        for byte in head[6:]:  # seven bits each
            size = size << 7 | byte & 0x7F
        at += _HEADER + size + (_HEADER if head[5] & 0x10 else 0)
        raw.seek(at)
        head = raw.read(_HEADER)
    raw.seek(0)
    return at if head[:4] in KINDS else 0


def without_tag(raw: BinaryIO) -> BinaryIO:
    """Return a file as libsndfile reads it rightly: itself, or from where its audio begins."""
    start = audio_start(raw)
    return io.BufferedReader(_From(raw, start)) if start else raw


class _From(io.RawIOBase):
    """A file from some byte on."""

    def __init__(self, raw: BinaryIO, start: int) -> None:
        self._raw, self._start = raw, start
        raw.seek(start)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._raw.readinto(buffer)  # type: ignore[attr-defined, no-any-return]

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence == io.SEEK_SET:
            offset += self._start
        return self._raw.seek(offset, whence) - self._start

    def tell(self) -> int:
        return self._raw.tell() - self._start

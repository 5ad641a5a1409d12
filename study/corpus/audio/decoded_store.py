"""Waveforms decoded so far, kept until the corpus is whole: what a killed decode leaves behind.

    <folder>/samples.i16     the samples of one clip after the other
    <folder>/clips.jsonl     [key, samples, scale, CRC-32] per clip, written after its samples

A torn or damaged end is cut off when the store is opened again.
"""

from __future__ import annotations

import json
import os
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_BYTES = 2  # of a sample


class DecodedStore:
    """Waveforms by a key that says what their audio is; used as a context manager.

    Args:
        folder: Made where missing; one process at a time may use it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._where: dict[str, tuple[int, int, float]] = {}  # first byte, samples, scale
        self._end = 0

    def __enter__(self) -> DecodedStore:
        self._folder.mkdir(parents=True, exist_ok=True)
        samples, index = self._folder / "samples.i16", self._folder / "clips.jsonl"
        for path in (samples, index):
            path.touch()
        self._samples = samples.open("r+b")
        whole = self._read_index(index)
        os.truncate(index, whole)
        self._samples.truncate(self._end)
        self._index = index.open("ab")
        return self

    def __exit__(self, *error: object) -> None:
        self._samples.close()
        self._index.close()

    def __contains__(self, key: str) -> bool:
        return key in self._where

    def add(self, key: str, samples: NDArray[np.int16], scale: float) -> None:
        """Keep one waveform of shape ``(samples,)``; it is there after a kill, too."""
        data = np.ascontiguousarray(samples).data.cast("B")
        self._samples.seek(self._end)
        self._samples.write(data)
        self._samples.flush()
        line = json.dumps([key, samples.size, scale, zlib.crc32(data)])
        self._index.write(line.encode() + b"\n")
        self._index.flush()
        self._note(key, samples.size, scale)

    def read(self, key: str) -> tuple[NDArray[np.int16], float]:
        """A waveform and its scale.

        Raises:
            KeyError: It is not here.
        """
        first, n, scale = self._where[key]
        return np.frombuffer(self._bytes(first, n), np.int16), scale

    def _bytes(self, first: int, n: int) -> bytes:
        self._samples.seek(first)
        return self._samples.read(n * _BYTES)

    def _note(self, key: str, n: int, scale: float) -> None:
        self._where[key] = (self._end, n, scale)
        self._end += n * _BYTES

    def _read_index(self, path: Path) -> int:
        """Note what is whole; return the bytes of the index that are."""
        whole = 0
        for line in path.read_bytes().splitlines(keepends=True):
            entry = _entry(line)
            if entry is None:
                break
            key, n, scale, checksum = entry
            data = self._bytes(self._end, n)
            if len(data) != n * _BYTES or zlib.crc32(data) != checksum:
                break
            self._note(key, n, scale)
            whole += len(line)
        return whole


def _entry(line: bytes) -> tuple[str, int, float, int] | None:
    """One line of the index; None where it is torn."""
    if not line.endswith(b"\n"):
        return None
    try:
        found: Any = json.loads(line)
        key, n, scale, checksum = found
        return str(key), int(n), float(scale), int(checksum)
    except (ValueError, TypeError):
        return None

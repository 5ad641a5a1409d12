"""Audio files to int16 waveforms, in subprocesses that may crash or hang.

A decoder is a program of its own (``decoder.py``). One that dies takes one file with it;
its successor goes on with the next.
"""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from runners.cores import n_cores
from study.corpus.audio.worker_process import Decoded, DecoderProcess, Segment

__all__ = [
    "DECODER",
    "Decoded",
    "Decoding",
    "Segment",
    "decode_files",
]

DECODER = (sys.executable, "-P", "-m", "study.corpus.audio.decoder")
_TOGETHER = 8  # small files that a decoder is asked for at once, so that it need not wait
_MOST_BYTES = 1 << 27  # of decoded audio held ahead; with the above this bounds the memory
_SMALL = 1 / 128  # of that: what files that are asked for at once may have in all


def decode_files(
    paths: Sequence[Path],
    sampling_rate: int,
    *,
    segments: Sequence[Segment] | None = None,
    workers: int | None = None,
    ahead: int = 64,
    seconds_per_file: float = 60.0,
    command: Sequence[str] = DECODER,
) -> Decoding:
    """Begin to decode files in parallel subprocesses; read on in the order of ``paths``.

    Args:
        paths: Audio files; a file with several segments is given once for each. A decoder keeps its
            last file open and reads a segment alone, so that a long file is not decoded anew.
        sampling_rate: Hz, of what is decoded.
        segments: The part of each file; whole files when None.
        workers: Decoders at a time; all cores when None.
        ahead: Files at most that are decoded before the one that is waited for is taken.
        seconds_per_file: A decoder that needs longer is killed (POSIX only).
        command: The decoder's command line, for tests.
    """
    items = list(zip(paths, segments or [(None, None)] * len(paths), strict=True))
    arguments = [*command, str(sampling_rate), repr(seconds_per_file)]
    return Decoding(
        items,
        arguments,
        workers=min(workers or n_cores(), max(len(paths), 1)),
        ahead=ahead,
        limit=seconds_per_file,
    )


class Decoding:
    """Files that are being decoded: an iterator over what becomes of each, to be read or closed.

    It gives a :class:`Decoded`, or what is wrong with the file as the end of a sentence; where a
    decoder does not start at all it raises RuntimeError.

    Threads with a decoder each take a few small files or one large one at a time, in order. They
    wait while too much is decoded and not taken yet; the file that is taken next never waits, or
    nothing would go on. Arguments as of :func:`decode_files`.
    """

    def __init__(
        self,
        items: Sequence[tuple[Path, Segment]],
        arguments: Sequence[str],
        *,
        workers: int,
        ahead: int,
        limit: float,
    ) -> None:
        self._items = items
        self._arguments = arguments
        self._ahead = ahead
        self._limit = limit
        self._changed = threading.Condition()
        self._given = 0  # files that some thread has taken on
        self._taken = 0
        self._held = 0  # bytes
        self._done: dict[int, Decoded | str] = {}
        self._decoders: list[DecoderProcess] = []
        self._stopped = False
        self._error: Exception | None = None
        self._threads = [
            threading.Thread(target=self._decode, name="decode", daemon=True)
            for _ in range(workers)
        ]
        for thread in self._threads:
            thread.start()

    def __iter__(self) -> Decoding:
        return self

    def __next__(self) -> Decoded | str:
        position = self._taken
        if position == len(self._items):
            self.close()
            raise StopIteration
        with self._changed:
            self._changed.wait_for(lambda: position in self._done or self._error is not None)
            if position in self._done:
                decoded = self._done.pop(position)
                self._held -= _size(decoded)
                self._taken += 1
                self._changed.notify_all()
                return decoded
        self.close()
        assert self._error is not None
        raise self._error

    def __enter__(self) -> Decoding:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """End the decoders, whatever they are at."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
            for decoder in self._decoders:
                decoder.kill()
        for thread in self._threads:
            thread.join()

    def _decode(self) -> None:
        """Decode files until there are no more: what a thread does."""
        decoder: DecoderProcess | None = None
        try:
            while files := self._next_files():
                while files and not self._stopped:
                    self._wait(files[0])
                    if decoder is None or not decoder.alive:
                        decoder = self._start()
                    decoder.ask([self._items[i] for i in files])
                    while files and decoder.alive:
                        self._wait(files[0])
                        self._put(files.pop(0), decoder.answer(self._limit))
        except Exception as error:  # raised where the files are asked for
            with self._changed:
                self._error = error
                self._changed.notify_all()
        finally:
            if decoder is not None:
                decoder.stop()

    def _start(self) -> DecoderProcess:
        decoder = DecoderProcess(self._arguments)
        with self._changed:
            self._decoders.append(decoder)
            if self._stopped:
                decoder.kill()
        return decoder

    def _next_files(self) -> list[int]:
        """Wait for room and return the positions of the next files; none at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._given < self._taken + self._ahead or self._stopped)
            first = last = self._given
            size = 0
            while not self._stopped and last < len(self._items) and last - first < _TOGETHER:
                with contextlib.suppress(OSError):  # which the decoder will tell
                    size += self._items[last][0].stat().st_size
                if last > first and size > _SMALL * _MOST_BYTES:
                    break
                last += 1
            self._given = last
            return list(range(first, last))

    def _wait(self, position: int) -> None:
        with self._changed:
            self._changed.wait_for(
                lambda: self._held < _MOST_BYTES or position <= self._taken or self._stopped
            )

    def _put(self, position: int, decoded: Decoded | str) -> None:
        with self._changed:
            self._done[position] = decoded
            self._held += _size(decoded)
            self._changed.notify_all()


def _size(decoded: Decoded | str) -> int:
    return 0 if isinstance(decoded, str) else decoded.samples.nbytes

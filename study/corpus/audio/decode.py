"""Audio files to int16 waveforms, in worker processes that may crash or hang."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runners.cores import n_cores
from study.corpus.audio.worker_pool import WorkerPool
from study.corpus.audio.worker_process import Answer

DECODER = (sys.executable, "-P", "-m", "study.corpus.audio.decoder")

Segment = tuple[float | None, float | None]  # start and end in seconds; None: of the file


@dataclass(frozen=True, eq=False)
class Decoded:
    """One decoded file, or a part of it."""

    samples: NDArray[np.int16]  # int16 of shape `(samples,)`; `waveform = samples * scale`
    scale: float  # see `runners.clips.Clips`
    stamp: tuple[int, int]  # size in bytes and modification time in ns of the file that was read
    cancelled: bool = False  # whether it is one channel, since all cancel each other


Decoding = WorkerPool[Decoded | str]


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
    """Begin to decode files in parallel processes; read on in the order of ``paths``.

    Args:
        paths: Audio files; a file with several segments is given once for each. A decoder keeps its
            last file open and reads a segment alone, so that a long file is not decoded anew.
        sampling_rate: Hz, of what is decoded.
        segments: The part of each file; whole files when None.
        workers: Decoders at a time; all cores when None.
        ahead: Files at most that are decoded before the one that is waited for is taken.
        seconds_per_file: A decoder that needs longer is killed (POSIX only).
        command: The decoder's command line, for tests.

    Returns:
        An iterator over the decoded files, or what is wrong with each as the end of a sentence.
    """
    pairs = zip(paths, segments or [(None, None)] * len(paths), strict=True)
    return WorkerPool(
        [*command, str(sampling_rate), repr(seconds_per_file)],
        [(os.fspath(path), *segment) for path, segment in pairs],
        _decoded,
        workers=workers or n_cores(),
        ahead=ahead,
        limit=seconds_per_file,
    )


def _decoded(request: Sequence[Any], answer: Answer | str) -> Decoded | str:
    if isinstance(answer, str):
        return f"one that {answer}"
    head, data = answer
    if "fault" in head:
        return str(head["fault"])
    stamp = head["size"], head["mtime_ns"]
    return Decoded(np.frombuffer(data, np.int16), head["scale"], stamp, head["cancelled"])

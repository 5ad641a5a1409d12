"""Looking into many audio files at once, in worker processes that may crash or hang.

``python -m study.checking.pool SECONDS`` is such a process. A request is
``[path, [[start, end], ...]]``; behind an answer come the rows of ``FACTS``.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runners.cores import n_cores
from study.checking.facts import FACTS, facts_of, without_facts
from study.corpus.audio.decode import Segment
from study.corpus.audio.worker_pool import WorkerPool
from study.corpus.audio.worker_process import Answer, serve

WORKER = (sys.executable, "-P", "-m", "study.checking.pool")


def look_into(
    files: Sequence[tuple[Path, Sequence[Segment]]],
    *,
    seconds_per_file: float = 60.0,
    command: Sequence[str] = WORKER,
) -> WorkerPool[NDArray[np.void]]:
    """Begin to look into files; read the rows of ``FACTS`` of each file's segments, in their order.

    A file that ends its process, or takes longer than ``seconds_per_file``, gets rows that say so.
    """
    return WorkerPool(
        [*command, repr(seconds_per_file)],
        [(os.fspath(path), list(segments)) for path, segments in files],
        _rows,
        workers=n_cores(),
        ahead=max(len(files), 1),
        limit=seconds_per_file,
    )


def _rows(request: Sequence[Any], answer: Answer | str) -> NDArray[np.void]:
    if isinstance(answer, str):
        return without_facts(answer, len(request[1]))
    return np.frombuffer(answer[1], FACTS)


def _answer(request: Sequence[Any]) -> tuple[dict[str, Any], bytes]:
    path, segments = request
    try:
        rows = facts_of(Path(path).read_bytes(), segments)
    except OSError as error:
        rows = without_facts(f"cannot be read: {error.strerror or error}", len(segments))
    except MemoryError:
        rows = without_facts("does not fit in memory", len(segments))
    return {}, rows.tobytes()


def main(seconds: float) -> None:
    """Answer the files on standard input until it closes, with a time limit for each."""
    import soundfile  # noqa: F401 (before "ready": a broken install is not a broken file)

    serve(_answer, seconds)


if __name__ == "__main__":
    main(float(sys.argv[1]))

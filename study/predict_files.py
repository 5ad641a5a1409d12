"""`spectune predict`: audio files through a bundle, in batches, to a table."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from queue import Empty, Full, Queue

import numpy as np
from numpy.typing import NDArray

from runners.clips import Clips
from study.bundle import read_bundle
from study.decode import Decoded, decode_files
from study.predict_inputs import Item
from study.predicting import Predictor
from study.results import replace_text
from study.tables import predictions_csv

__all__ = ["predict_files", "predict_items"]

EXIT_DONE, EXIT_PROBLEMS = 0, 1
CHUNK = 128  # clips that are handed over at once, and about as many seconds
MAX_SECONDS = 600.0  # of audio held at once, so that long files need no more memory


def predict_files(
    bundle: Path, items: Sequence[Item], *, output: Path | None, device: str | None = None
) -> int:
    """Predict files, write the table, list what could not be read on standard error.

    Args:
        bundle: The bundle's folder.
        items: What to predict.
        output: CSV file; None: standard output.
        device: See `study.load`.

    Returns:
        The exit code: 0, or 1 where files were skipped.

    Raises:
        InputError: If the bundle is wrong.
    """
    opened = read_bundle(bundle)
    with ReadAhead(items, opened.sampling_rate) as decoded:  # while the networks are built
        predictor = Predictor(opened, device=device)
        started = time.monotonic()
        with _progress(len(items)) as advance:
            found, faults = _predict(predictor, decoded, advance)
    seconds = time.monotonic() - started
    kept = [item for i, item in enumerate(items) if i not in faults]
    text = predictions_csv(
        [item.name for item in kept], [item.label for item in kept], predictor.classes, found
    )
    if output is None:
        sys.stdout.write(text)
    else:
        replace_text(output, text)
    rate = f"{len(kept) / max(seconds, 1e-9):.0f} clips/s on {predictor.compute.device}"
    where = "" if output is None else f" in {output}"
    print(f"{len(kept)} predictions{where}, {rate}", file=sys.stderr)
    for i, fault in sorted(faults.items()):
        print(f"skipped {items[i].name}: {fault}", file=sys.stderr)
    return EXIT_PROBLEMS if faults else EXIT_DONE


def predict_items(
    predictor: Predictor, items: Sequence[Item]
) -> tuple[NDArray[np.float64], dict[int, str]]:
    """Return probabilities (clips read, classes), and what is wrong with the others by position."""
    with ReadAhead(items, predictor.sampling_rate) as decoded:
        return _predict(predictor, decoded, lambda n: None)


class ReadAhead:
    """Decoded files in order, decoded meanwhile: decoders start at once and run during a batch.

    What is held ahead is bounded in clips and, but for single long files, in seconds.

    Args:
        items: What to decode.
        sampling_rate: Hz.
    """

    def __init__(self, items: Sequence[Item], sampling_rate: int) -> None:
        self._chunks: Queue[list[Decoded | str] | BaseException | None] = Queue(maxsize=4)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._read, args=(items, sampling_rate), daemon=True)

    def __enter__(self) -> ReadAhead:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        with contextlib.suppress(Empty):
            while True:
                self._chunks.get_nowait()
        self._thread.join()

    def __iter__(self) -> Iterator[Decoded | str]:
        while (chunk := self._chunks.get()) is not None:
            if isinstance(chunk, BaseException):
                raise chunk
            yield from chunk

    def _read(self, items: Sequence[Item], sampling_rate: int) -> None:
        end: BaseException | None = None
        chunk: list[Decoded | str] = []
        held = 0
        try:
            with contextlib.closing(
                decode_files([item.path for item in items], sampling_rate)
            ) as decoded:
                for one in decoded:
                    chunk.append(one)
                    held += 0 if isinstance(one, str) else one.samples.size
                    if len(chunk) >= CHUNK or held > CHUNK * sampling_rate:
                        if not self._put(chunk):
                            return
                        chunk, held = [], 0
        except Exception as error:  # raised where the files are asked for
            end = error
        if self._put(chunk):
            self._put(end)

    def _put(self, chunk: list[Decoded | str] | BaseException | None) -> bool:
        """Wait for room; return False where nobody wants more."""
        while not self._stop.is_set():
            with contextlib.suppress(Full):
                self._chunks.put(chunk, timeout=0.1)
                return True
        return False


def _predict(
    predictor: Predictor, decoded: Iterable[Decoded | str], advance: Callable[[int], None]
) -> tuple[NDArray[np.float64], dict[int, str]]:
    faults: dict[int, str] = {}
    parts = [np.zeros((0, len(predictor.classes)))]
    batch: list[Decoded] = []
    held = 0
    for i, one in enumerate(decoded):
        if isinstance(one, str):
            faults[i] = "must be an audio file with finite samples, got " + one
            advance(1)
            continue
        batch.append(one)
        held += one.samples.size
        if len(batch) >= predictor.batch or held > MAX_SECONDS * predictor.sampling_rate:
            parts.append(predictor.predict_clips(_clips(batch, predictor.sampling_rate)))
            advance(len(batch))
            batch, held = [], 0
    if batch:
        parts.append(predictor.predict_clips(_clips(batch, predictor.sampling_rate)))
        advance(len(batch))
    return np.concatenate(parts), faults


def _clips(batch: Sequence[Decoded], sampling_rate: int) -> Clips:
    lengths = [one.samples.size for one in batch]
    return Clips(
        np.concatenate([one.samples for one in batch]),
        np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        np.array([one.scale for one in batch], np.float32),
        sampling_rate,
    )


@contextlib.contextmanager
def _progress(total: int) -> Iterator[Callable[[int], None]]:
    """Show a bar on a terminal, nothing elsewhere."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal, transient=True) as bars:
        task = bars.add_task("predicting", total=total)
        yield lambda n: bars.advance(task, n)

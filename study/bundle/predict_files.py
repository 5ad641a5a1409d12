"""`spectune predict`: audio files through a bundle, in batches, to a table."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from runners.clips import Clips
from runners.cores import n_cores
from study.bundle.bundle import read_bundle
from study.bundle.predict_inputs import Item
from study.bundle.predictor import Predictor
from study.corpus.audio.decode import Decoded, Decoding, decode_files
from study.files import predictions_csv, replace_text

EXIT_DONE, EXIT_PROBLEMS = 0, 1
AHEAD = 512  # files that are decoded meanwhile: two batches
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
    with decoding(items, opened.sampling_rate) as decoded:  # while the networks are built
        predictor = Predictor(opened, device=device)
        started = time.monotonic()
        with _progress(len(items)) as advance:
            probabilities, faults = predict_decoded(predictor, decoded, advance)
    seconds = time.monotonic() - started
    kept = [item for i, item in enumerate(items) if i not in faults]
    names, labels = [item.name for item in kept], [item.label for item in kept]
    text = predictions_csv(names, labels, predictor.classes, probabilities)
    if output is None:
        sys.stdout.write(text)
        sys.stdout.flush()  # a reader that has gone is met here, not when Python ends
    else:
        replace_text(output, text)
    rate = f"{len(kept) / max(seconds, 1e-9):.0f} clips/s on {predictor.compute.device}"
    where = "" if output is None else f" in {output}"
    print(f"{len(kept)} predictions{where}, {rate}", file=sys.stderr)
    for i, fault in sorted(faults.items()):
        print(f"skipped {items[i].name}: {fault}", file=sys.stderr)
    return EXIT_PROBLEMS if faults else EXIT_DONE


def decoding(items: Sequence[Item], sampling_rate: int) -> Decoding:
    """Begin to decode, on half of the cores: the networks need them more."""
    return decode_files(
        [item.path for item in items],
        sampling_rate,
        segments=[(item.start, item.end) for item in items],
        workers=max(1, n_cores() // 2),
        ahead=AHEAD,
    )


def predict_decoded(
    predictor: Predictor, decoded: Iterable[Decoded | str], advance: Callable[[int], None]
) -> tuple[NDArray[np.float64], dict[int, str]]:
    """Predict clips, or what is wrong with them, as they come.

    Args:
        predictor: The bundle.
        decoded: Clips, or a sentence where a file could not be read.
        advance: Is given how many more are done.

    Returns:
        Probabilities (clips read, classes), and what is wrong with the others by position.
    """
    rate = predictor.sampling_rate
    faults: dict[int, str] = {}
    parts = [np.zeros((0, len(predictor.classes)))]
    batch: list[Decoded] = []
    held = 0  # samples

    def predict_batch() -> None:
        parts.append(predictor.predict_clips(_clips(batch, rate)))
        advance(len(batch))
        batch.clear()

    for i, clip in enumerate(decoded):
        if isinstance(clip, str):
            faults[i] = "must be an audio file with finite samples, got " + clip
            advance(1)
            continue
        batch.append(clip)
        held += clip.samples.size
        if len(batch) >= predictor.batch or held > MAX_SECONDS * rate:
            predict_batch()
            held = 0
    if batch:
        predict_batch()
    return np.concatenate(parts), faults


def _clips(batch: Sequence[Decoded], sampling_rate: int) -> Clips:
    lengths = [clip.samples.size for clip in batch]
    return Clips(
        np.concatenate([clip.samples for clip in batch]),
        np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        np.array([clip.scale for clip in batch], np.float32),
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

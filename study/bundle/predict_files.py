"""`spectune predict`: audio files through a bundle, in batches, to a table."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from runners.clips import Clips
from runners.cores import n_cores
from study.bundle.bundle import read_bundle
from study.bundle.predict_inputs import Item
from study.bundle.predictions_table import clips_table, figures_lines, windows_table
from study.bundle.predictor import Predictor
from study.corpus.audio.decode import Decoded, Decoding, decode_files
from study.files import replace_text

EXIT_DONE, EXIT_PROBLEMS = 0, 1
AHEAD = 512  # files that are decoded meanwhile: two batches
MAX_SECONDS = 600.0  # of audio held at once, so that long files need no more memory


class Window(NamedTuple):
    """A part of a clip that a network hears at once.

    Args:
        item: Position of the clip.
        start: Seconds into the clip.
        end: Seconds into the clip.
        probabilities: (classes,).
    """

    item: int
    start: float
    end: float
    probabilities: NDArray[np.float64]


def predict_files(
    bundle: Path,
    items: Sequence[Item],
    *,
    output: Path | None,
    device: str | None = None,
    windows: bool = False,
) -> int:
    """Predict files and write the table; tell on standard error what labels say, and faults.

    Args:
        bundle: The bundle's folder.
        items: What to predict.
        output: CSV file; None: standard output.
        device: See `study.load`.
        windows: Write a row for each window of a clip, with its times; figures are of clips.

    Returns:
        The exit code: 0, or 1 where files were skipped.

    Raises:
        InputError: If the bundle is wrong.
    """
    opened = read_bundle(bundle)
    heard: list[Window] | None = [] if windows else None
    cancelled: list[str] = []
    with decoding(items, opened.sampling_rate) as decoded:  # while the networks are built
        predictor = Predictor(opened, device=device)
        started = time.monotonic()
        with _progress(len(items)) as advance:
            told = _noting(items, decoded, cancelled)
            probabilities, faults = predict_decoded(predictor, told, advance, windows=heard)
    seconds = time.monotonic() - started
    kept = [item for i, item in enumerate(items) if i not in faults]
    if heard is None:
        text = clips_table(kept, predictor.classes, probabilities)
    else:
        times = [(items[one.item], one.start, one.end) for one in heard]
        values = np.array([one.probabilities for one in heard])
        text = windows_table(times, predictor.classes, values.reshape(-1, len(predictor.classes)))
    if output is None:
        sys.stdout.write(text)
        sys.stdout.flush()  # a reader that has gone is met here, not when Python ends
    else:
        replace_text(output, text)
    rate = f"{len(kept) / max(seconds, 1e-9):.0f} clips/s on {predictor.compute.device}"
    where = "" if output is None else f" in {output}"
    what = (
        f"{len(kept)} predictions"
        if heard is None
        else f"{len(heard)} windows of {len(kept)} clips"
    )
    print(f"{what}{where}, {rate}", file=sys.stderr)
    for line in figures_lines(kept, predictor.classes, probabilities):
        print(line, file=sys.stderr)
    for name in cancelled:
        print(
            f"{name}: its channels cancel each other; the loudest alone was heard", file=sys.stderr
        )
    for i, fault in sorted(faults.items()):
        print(f"skipped {items[i].name}: {fault}", file=sys.stderr)
    return EXIT_PROBLEMS if faults else EXIT_DONE


def _noting(
    items: Sequence[Item], decoded: Iterable[Decoded | str], cancelled: list[str]
) -> Iterator[Decoded | str]:
    """Pass on what was decoded; note the names of files whose channels cancel each other."""
    for item, one in zip(items, decoded, strict=True):
        if isinstance(one, Decoded) and one.cancelled:
            cancelled.append(item.name)
        yield one


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
    predictor: Predictor,
    decoded: Iterable[Decoded | str],
    advance: Callable[[int], None],
    *,
    windows: list[Window] | None = None,
) -> tuple[NDArray[np.float64], dict[int, str]]:
    """Predict clips, or what is wrong with them, as they come.

    Args:
        predictor: The bundle.
        decoded: Clips, or a sentence where a file could not be read.
        advance: Is given how many more are done.
        windows: Takes what was predicted of every window.

    Returns:
        Probabilities (clips read, classes), and what is wrong with the others by position.
    """
    rate = predictor.sampling_rate
    faults: dict[int, str] = {}
    parts = [np.zeros((0, len(predictor.classes)))]
    batch: list[Decoded] = []
    places: list[int] = []  # of the batch's clips
    held = 0  # samples

    def predict_batch() -> None:
        found = predictor.predict_windows(_clips(batch, rate), windows=windows is not None)
        parts.append(found.clips)
        for row, start, values in zip(found.rows, found.starts, found.windows, strict=True):
            end = min(start + predictor.window, batch[row].samples.size)
            assert windows is not None
            windows.append(Window(places[row], start / rate, end / rate, values))
        advance(len(batch))
        batch.clear()
        places.clear()

    for i, clip in enumerate(decoded):
        if isinstance(clip, str):
            faults[i] = "must be an audio file with finite samples, got " + clip
            advance(1)
            continue
        batch.append(clip)
        places.append(i)
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

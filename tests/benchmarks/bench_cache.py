"""Time and memory of caching: `python tests/benchmarks/bench_cache.py [--clips N] [--long]`.

Writes N one-second clips at 16 kHz (the size of the Mask corpus by default) or, with `--long`,
clips of 0.05 to 60 s, caches them, opens the cache again, and prints seconds and the peak memory of
this process and of its largest decoder.
"""

from __future__ import annotations

import argparse
import csv
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile

from study.corpus import read_corpus
from study.corpus.audio.waveform_cache import cache_corpus

RATE = 16_000


def write_corpus(root: Path, lengths: np.ndarray, rng: np.random.Generator) -> None:
    """Noise of given lengths in samples, a third in each partition, every file another."""
    (root / "wav").mkdir(parents=True)
    (root / "lab").mkdir()
    noise = (rng.normal(size=int(lengths.max()) + RATE) * 3000).astype(np.int16)
    rows = []
    for i, n in enumerate(lengths):
        first = int(rng.integers(0, RATE))
        wave = noise[first : first + int(n)].copy()
        wave[:2] = i % 30_000, i // 30_000
        partition = ("train", "devel", "test")[i % 3]
        name = f"{partition}_{i:05d}.wav"
        soundfile.write(root / "wav" / name, wave, RATE, subtype="PCM_16")
        rows.append((name, "?" if partition == "test" else ("clear", "mask")[i // 3 % 2]))
    with (root / "lab/labels.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("file_name", "label"), *rows])


def megabytes(who: int) -> float:
    """Peak resident memory."""
    return resource.getrusage(who).ru_maxrss / 1024


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--clips", type=int, default=36_554)
    parser.add_argument("--long", action="store_true", help="0.05 to 60 s instead of 1 s")
    given = parser.parse_args()
    rng = np.random.default_rng(0)
    low, high = (RATE // 20, 60 * RATE) if given.long else (RATE, RATE)
    lengths = rng.integers(low, high + 1, size=given.clips)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_corpus(root / "corpus", lengths, rng)
        for what in ("first", "second"):
            begun = time.perf_counter()
            cached = cache_corpus(read_corpus(root / "corpus"), RATE, root / "cache")
            print(f"{what} time: {time.perf_counter() - begun:.1f} s")
        size = cached.clips.samples.nbytes / 1e9
        print(f"{len(lengths):,} clips, {size:.2f} GB of samples")
        print(f"peak memory: {megabytes(resource.RUSAGE_SELF):.0f} MB here,", end=" ")
        print(f"{megabytes(resource.RUSAGE_CHILDREN):.0f} MB in the largest decoder")


if __name__ == "__main__":
    main()

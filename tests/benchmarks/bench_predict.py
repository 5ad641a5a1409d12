"""How much of the bare networks' speed a bundle keeps, and how long it takes to start.

    python tests/benchmarks/bench_predict.py BUNDLE [--files FOLDER] [--clips 1024] [--rounds 5]

Every round times the bare members on waveforms that lie on the device already, then
`Predictor.predict` on NumPy arrays, then (with --files) decoding and predicting audio files; the
ratio is taken within a round, so that whatever else the machine does meets both.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import soundfile
import torch

from runners.evaluation import autocast
from runners.waveforms import Waveforms
from study import load
from study.bundle.predict_files import decoding, predict_decoded
from study.bundle.predict_inputs import Item, collect
from study.bundle.predictor import Predictor, as_clips


def predict_items(predictor: Predictor, items: Sequence[Item]) -> None:
    """Predict files."""
    with decoding(items, predictor.sampling_rate) as decoded:
        predict_decoded(predictor, decoded, lambda n: None)


def main() -> None:
    """Print clips/s of each way and its share of the bare members'."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--files", type=Path, help="A folder of audio files.")
    parser.add_argument("--clips", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    predictor = load(options.bundle, device=options.device)
    n, length, rate = options.clips, predictor.bundle.n_samples, predictor.sampling_rate
    rng = np.random.default_rng(0)
    waves = (3000 * rng.standard_normal((n, length))).astype(np.int16)
    ways: dict[str, tuple[int, Callable[[], object]]] = {
        "bare members": (n, lambda: bare(predictor, on_device)),
        "Predictor.predict": (n, lambda: predictor.predict(waves, rate)),
    }
    on_device = torch.from_numpy(waves).float().to(predictor.compute.device) / 32768
    if options.files:
        items = collect([str(options.files)], stdin=[])[:n]
        # A clip longer than a window is several windows' work, which the bare members count too.
        ways["files, per window"] = (
            windows(predictor, items), lambda: predict_items(predictor, items)
        )  # fmt: skip
    rates: dict[str, list[float]] = {name: [] for name in ways}
    for round_ in range(options.rounds + 1):
        # In turn forwards and backwards: the first after a pause is not always the same.
        for name, (clips, way) in list(ways.items())[:: -1 if round_ % 2 else 1]:
            found = clips / seconds(way)
            if round_:  # the first warms up
                rates[name].append(found)
    networks = len(predictor.networks)
    print(
        f"{networks} networks, batch {predictor.batch}, {length} samples at {rate} Hz,"
        f" {predictor.compute.device}, {torch.get_num_threads()} threads, {options.rounds} rounds"
    )
    for name, found in rates.items():
        share = statistics.median(a / b for a, b in zip(found, rates["bare members"], strict=True))
        print(
            f"{name:20} {statistics.median(found):8.1f} clips/s, {share:5.2f} of the bare members"
        )
    print(f"start-up to one prediction: {start_up(options, rate):.1f} s")


@torch.inference_mode()
def bare(predictor: Predictor, waves: torch.Tensor) -> None:
    """Run the members alone: waveforms in, probabilities of each out."""
    for start in range(0, len(waves), predictor.batch):
        batch = waves[start : start + predictor.batch]
        for network in predictor.networks:
            with autocast(predictor.compute):
                logits = network(batch)
            logits.float().softmax(1).cpu()


def windows(predictor: Predictor, items: list[Item]) -> int:
    """Return how many windows the files' clips are covered by."""
    files = [soundfile.SoundFile(item.path) for item in items]
    clips = [
        np.zeros(max(1, round(file.frames * predictor.sampling_rate / file.samplerate)), np.int16)
        for file in files
    ]
    held = Waveforms(
        as_clips(clips, predictor.sampling_rate, predictor.sampling_rate),
        device=torch.device("cpu"),
        clip_seconds=predictor.bundle.clip_seconds,
        pad=predictor.bundle.pad,
    )
    return len(held.cover(range(len(clips))).rows)


def seconds(way: Callable[[], object]) -> float:
    """Return the wall time of a call."""
    started = time.perf_counter()
    way()
    return time.perf_counter() - started


def start_up(options: argparse.Namespace, rate: int) -> float:
    """Return the wall time of `spectune predict` on one short clip."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "one.wav"
        soundfile.write(path, np.zeros(rate // 10), rate)
        command = [sys.executable, "-m", "study", "predict", str(options.bundle), str(path)]
        command += ["--device", options.device]
        return seconds(lambda: subprocess.run(command, check=True, capture_output=True))


if __name__ == "__main__":
    main()

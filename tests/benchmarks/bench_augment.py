"""What each augmentation costs beside a training step of resnet18 on 128 x 128 images.

    python tests/benchmarks/bench_augment.py [--threads 2] [--repetitions 15] [--cpu]

Every augmentation acts on every clip (p = 1), on a batch of 64 clips of one second at 16 kHz and
their 3-channel images. All are measured in turn, again and again; the median of each is divided by
the median of the training step. With --cpu it is the processor's time, which other processes on
the machine do not lengthen; take one thread then. Exit code 1 if one costs more than its bound.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable

import timm
import torch

from search_spaces.augment import (
    AUGMENTATIONS,
    ImageAugmentation,
    MixAugmentation,
    Noise,
    WaveformAugmentation,
)

CLIPS, RATE, SIDE, CLASSES = 64, 16_000, 128, 2
BOUND = 2.0  # per cent of a training step
BOUNDS = {"reverb": 5.0, "speed": 5.0, "combined": 5.0}  # `combined` takes these two as well


def measure(repetitions: int, clock: Callable[[], float]) -> dict[str, float]:
    """Return the median seconds of the training step and of each augmentation."""
    generator = torch.Generator().manual_seed(0)
    waves = torch.randn(CLIPS, RATE, generator=generator)
    images = torch.randn(CLIPS, 3, SIDE, SIDE, generator=generator)
    targets = torch.eye(CLASSES)[torch.arange(CLIPS) % CLASSES]
    net = timm.create_model("resnet18", num_classes=CLASSES)
    optimizer = torch.optim.AdamW(net.parameters(), fused=True)

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        torch.nn.functional.cross_entropy(net(images), targets).backward()
        optimizer.step()

    def using(augmentation: object) -> Callable[[], None]:
        def act() -> None:
            if isinstance(augmentation, WaveformAugmentation):
                augmentation.waveforms(waves, sampling_rate=RATE, generator=generator)
            if isinstance(augmentation, ImageAugmentation):
                augmentation.images(images, generator=generator)
            if isinstance(augmentation, MixAugmentation):
                augmentation.mix(images, targets, generator=generator)

        return act

    tasks: dict[str, Callable[[], None]] = {"training step": step}
    tasks |= {name: using(kind(p=1.0)) for name, kind in AUGMENTATIONS.items()}
    tasks |= {f"noise, {c}": using(Noise(p=1.0, color=c)) for c in ("pink", "random")}
    seconds: dict[str, list[float]] = {name: [] for name in tasks}
    for repetition in range(repetitions + 1):
        for name, task in tasks.items():
            started = clock()
            task()
            if repetition:  # the first warms up
                seconds[name].append(clock() - started)
    return {name: statistics.median(values) for name, values in seconds.items()}


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repetitions", type=int, default=15)
    parser.add_argument("--cpu", action="store_true")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    medians = measure(given.repetitions, time.process_time if given.cpu else time.perf_counter)
    step = medians.pop("training step")
    print(f"{CLIPS} clips, {given.threads} threads; training step {1e3 * step:.0f} ms")
    failed = False
    for name, seconds in medians.items():
        share, bound = 100 * seconds / step, BOUNDS.get(name, BOUND)
        failed |= share > bound
        mark = "" if share <= bound else f"  above {bound:g} %"
        print(f"{name:15} {1e3 * seconds:7.1f} ms {share:6.2f} %{mark}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())

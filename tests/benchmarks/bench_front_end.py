"""What a front end costs of a training step.

    python tests/benchmarks/bench_front_end.py [--threads 2] [--device cpu] [--cpu-time]

A step is forward, backward and AdamW of `resnet18` on a batch of 64 images of 128 x 128 pixels,
three channels. Every round times the step and then every front end on the 64 clips of one second
at 16 kHz; shares are of front end plus step, taken within a round, so that whatever else the
machine does meets both. The limits are 3 %, and 15 % with constant-Q.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import timm
import torch

from search_spaces.front_end.amplitude import AMPLITUDES, Db
from search_spaces.front_end.channels import CHANNELS, Mono, Windows
from search_spaces.front_end.front_end import FrontEnd, Image, Spectrogram
from search_spaces.front_end.pcen import Pcen
from search_spaces.scales import SCALES, ConstantQ, Linear, Mel

RATE, CLIPS, PIXELS = 16_000, 64, 128
LONG = (25.0, 50.0, 100.0)


def main() -> None:
    """Print each front end's time and share; exit with 1 where one is above its limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument(
        "--cpu-time", action="store_true", help="CPU seconds, for a machine with other work."
    )
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    device = torch.device(options.device)
    clock = time.process_time if options.cpu_time else time.perf_counter
    waves = torch.randn(CLIPS, RATE, device=device) / 10
    step = training_step(device)
    ways = {name: make(device) for name, make in front_ends().items()}
    steps: list[float] = []
    times: dict[str, list[float]] = {name: [] for name in ways}
    for round_ in range(options.rounds + 1):
        step_s = seconds(step, device, clock)
        found = {name: seconds(lambda f=f: f(waves), device, clock) for name, f in ways.items()}
        if round_:  # the first warms up
            steps.append(step_s)
            for name, value in found.items():
                times[name].append(value)
    print(
        f"resnet18, {CLIPS} images of {PIXELS} x {PIXELS} pixels on {device},"
        f" {options.threads} threads, {options.rounds} rounds: a step takes"
        f" {1000 * statistics.median(steps):.0f} ms"
    )
    above = 0
    for name, found in times.items():
        share = statistics.median(t / (t + s) for t, s in zip(found, steps, strict=True))
        limit = 0.15 if "constant_q" in name else 0.03
        above += share > limit
        mark = "" if share <= limit else f"  above {100 * limit:.0f} %"
        print(f"{name:28} {1000 * statistics.median(found):8.1f} ms {100 * share:6.2f} %{mark}")
    raise SystemExit(above > 0)


def front_ends() -> dict[str, Callable[[torch.device], Callable[[torch.Tensor], torch.Tensor]]]:
    """Return every scale on one channel, every kind of channels on mel, every amplitude scale."""
    made = {f"scale {n}": (kind(), Mono(), Db()) for n, kind in SCALES.kinds.items()}
    made |= {f"channels {n}": (Mel(), kind(), Db()) for n, kind in CHANNELS.kinds.items()}
    made["channels windows 25/50/100"] = (Linear(), Windows(LONG), Db())
    made["constant_q windows 16/32/64"] = (ConstantQ(), Windows((16.0, 32.0, 64.0)), Db())
    made |= {f"amplitude {n}": (Mel(), Mono(), k()) for n, k in AMPLITUDES.kinds.items()}
    made["amplitude pcen, learning"] = (Mel(), Mono(), Pcen(trainable=True))

    def maker(parts):
        scale, channels, amplitude = parts
        image = Image(height=PIXELS, width=PIXELS)
        front = FrontEnd(Spectrogram(), channels, scale, amplitude, image, sampling_rate=RATE)
        if any(parameter.requires_grad for parameter in front.parameters()):
            return lambda device: learning(front.to(device))
        return lambda device: torch.no_grad()(front.to(device))

    return {name: maker(parts) for name, parts in made.items()}


def learning(front: FrontEnd) -> Callable[[torch.Tensor], None]:
    """Return a front end forward and backward."""

    def both(waves: torch.Tensor) -> None:
        front(waves).mul_(1e-3).sum().backward()

    return both


def training_step(device: torch.device) -> Callable[[], None]:
    """Return one training step of the network on images that are there."""
    network = timm.create_model("resnet18", in_chans=3, num_classes=2).to(device)
    optimizer = torch.optim.AdamW(network.parameters(), fused=True)
    images = torch.randn(CLIPS, 3, PIXELS, PIXELS, device=device)
    targets = torch.randint(2, (CLIPS,), device=device)
    if device.type == "cuda":
        network, images = (x.to(memory_format=torch.channels_last) for x in (network, images))

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=device.type == "cuda"):
            logits = network(images)
        torch.nn.functional.cross_entropy(logits.float(), targets).backward()
        optimizer.step()

    return step


def seconds(way: Callable[[], object], device: torch.device, clock: Callable[[], float]) -> float:
    """Return the time of a call, the device's work included."""
    if device.type == "cuda":
        torch.cuda.synchronize()
    started = clock()
    way()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return clock() - started


if __name__ == "__main__":
    main()

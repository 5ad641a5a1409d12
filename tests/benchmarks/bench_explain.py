"""How long an explanation takes: a winner and a fusion of timm networks on one-second clips.

    python tests/benchmarks/bench_explain.py --clips 15000 --networks 4

The weights are random, the work is that of trained ones. Reference: one pass of bare predictions
over the same clips by the same networks; an explanation is `passes` of these, maps not counted.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import torch

from reports.explain.analysis import explain
from reports.explain.axes import frequency_axes
from reports.explain.deletion import ORDERS, STEPS
from reports.explain.inputs import ExplainInputs, Network, System
from runners.clips import Clips
from runners.device import default_slots, usable_compute
from runners.evaluation import predict
from runners.model import make_classifier
from runners.waveforms import Waveforms
from search_spaces.spec import TrialSpec

RATE = 16_000


def networks(n: int, backbone: str) -> tuple[Network, ...]:
    """Return networks of three windows on 128 linear or mel bands."""
    found = []
    for number in range(n):
        spec = TrialSpec.from_dict(
            {
                "channels": {"kind": "windows"},
                "scale": {"kind": ("linear", "mel")[number % 2], "n_bands": 128},
                "backbone": {"kind": backbone},
                "seed": number,
            }
        )
        model = make_classifier(spec, sampling_rate=RATE, n_samples=RATE, n_classes=2)
        model = model.eval().requires_grad_(False)
        found.append(Network(number, spec.label, spec, (model,)))
    return tuple(found)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=int, default=15_000)
    parser.add_argument("--networks", type=int, default=4)
    parser.add_argument("--backbone", default="resnet18")
    parser.add_argument("--device", default=default_slots()[0])
    args = parser.parse_args()
    rng, n = np.random.default_rng(0), args.clips
    samples = rng.integers(-8000, 8000, size=n * RATE, dtype=np.int16)
    scale = np.full(n, 1 / 32768, np.float32)
    clips = Clips(samples, np.arange(n + 1, dtype=np.int64) * RATE, scale, RATE)
    found, compute = networks(args.networks, args.backbone), usable_compute(args.device)
    single = (1.0, *(0.0,) * (args.networks - 1))
    systems = [System("winner", "the winner", single)]
    if args.networks > 1:
        shares = (1 / args.networks,) * args.networks
        systems.append(System("fusion", f"the fusion of {args.networks}", shares))
    inputs = ExplainInputs(
        name="benchmark",
        classes=("a", "b"),
        clips=clips,
        positions=tuple(range(n)),
        file_names=tuple(f"{i}.wav" for i in range(n)),
        labels=tuple(i % 2 for i in range(n)),
        speakers=tuple(f"s{i // 2 % 10}" for i in range(n)),
        folds=None,
        clip_seconds=1.0,
        pad="repeat",
        networks=found,
        systems=tuple(systems),
        simulated=True,
        provenance={},
    )
    numbers = explain(inputs, compute, n_clips=n)
    waveforms = Waveforms(clips, device=compute.device, clip_seconds=1.0, pad="repeat")
    views = waveforms.cover(range(n))
    started = time.monotonic()
    for network in found:
        predict(network.models[0], waveforms, views, compute)
    if compute.device.type == "cuda":
        torch.cuda.synchronize(compute.device)
    bare = time.monotonic() - started
    axes = frequency_axes(RATE)
    deleted = len(axes) * len(STEPS) * len(ORDERS)
    passes = 1 + 2 * sum(axis.n_bands for axis in axes) + deleted * (1 + 1 / args.networks)
    print(f"{n:,} clips, {args.networks} x {args.backbone} on {compute.device}")
    print(f"explained in {numbers['seconds']:.1f} s; one bare pass of all networks {bare:.2f} s")
    print(f"{passes:.0f} passes would take {passes * bare:.1f} s")


if __name__ == "__main__":
    main()

"""What a network sees of a clip as numbers: images, and where hertz and seconds lie on them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from search_spaces.front_end.amplitude import AMPLITUDES
from search_spaces.front_end.turning import FLIPS, turn
from search_spaces.scales import SCALES
from search_spaces.spec import TrialSpec

# Round frequencies, the ones a reader misses first in front.
ROUND_HZ = (
    1000, 4000, 2000, 8000, 500, 16_000, 250, 6000, 100, 3000, 125, 12_000, 5000, 50, 7000, 20_000,
    1500, 200, 750, 300, 400, 600,
)  # fmt: skip
ROUND_SECONDS = (0.05, 0.1, 0.2, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0)
APART = 0.11  # of the axis between two ticks at least
MOST_TICKS = 6  # on the axis of time


class Tick(NamedTuple):
    """A tick: where it lies on its axis, from 0 (first pixel) to 1, and what it says."""

    position: float
    text: str


class InputImages(NamedTuple):
    """The channels of one clip's image, as the network gets them.

    Args:
        title: What made it.
        images: Shape (channels, height, width).
        rows: Ticks of the rows of every channel, from the first row.
        columns: Ticks of the columns of every channel.
        units: Of rows and columns, `Hz` and `s` or the other way round.
    """

    title: str
    images: NDArray[np.float32]
    rows: tuple[tuple[Tick, ...], ...]
    columns: tuple[tuple[Tick, ...], ...]
    units: tuple[str, str]


@torch.no_grad()
def input_images(
    spec: TrialSpec,
    waveform: NDArray[np.float32],
    sampling_rate: int,
    *,
    learnt: Mapping[str, Tensor] | None = None,
) -> InputImages:
    """Return the images that a spec makes of a clip.

    Args:
        spec: What makes the image.
        waveform: Shape (samples,); what a network hears at once.
        sampling_rate: Hz.
        learnt: The front end's part of a trained network: statistics, and what PCEN learnt.

    Raises:
        ValueError: If the front end cannot be built.
    """
    front_end = spec.front_end(sampling_rate=sampling_rate).eval()
    if learnt:
        front_end.load_state_dict(dict(learnt))
    waves = torch.from_numpy(np.ascontiguousarray(waveform, dtype=np.float32))[None]
    made = front_end(waves)[0]
    image = spec.image
    seconds = len(waveform) / sampling_rate
    hz = tuple(_hz_ticks(centres) for centres in front_end.centres_hz)
    time = (_time_ticks(seconds, seconds * sampling_rate / front_end.hop + 1),) * len(hz)
    if -2 in FLIPS[image.flip]:
        hz = tuple(_flipped(ticks) for ticks in hz)
    if -1 in FLIPS[image.flip]:
        time = tuple(_flipped(ticks) for ticks in time)
    seen = turn(made, flip=image.flip, transpose=image.transpose).numpy()
    rows, columns, units = (time, hz, ("s", "Hz")) if image.transpose else (hz, time, ("Hz", "s"))
    return InputImages(_title(spec, seen.shape), seen, rows, columns, units)


def _title(spec: TrialSpec, shape: Sequence[int]) -> str:
    windows = "/".join(f"{window:.3g}" for window in spec.channels.windows)
    scale, amplitude = SCALES.name_of(spec.scale), AMPLITUDES.name_of(spec.amplitude)
    size = f"{shape[1]} x {shape[2]}"
    made = f"{scale}-{spec.channels.label} {amplitude}"
    return f"{made}, {spec.scale.n_bands} bands, {windows} ms, {size}"


def _hz_ticks(centres: NDArray[np.float64]) -> tuple[Tick, ...]:
    """Return round frequencies at the places that the bands' centres give them."""
    bands = len(centres)
    inside = [hz for hz in ROUND_HZ if centres[0] <= hz <= centres[-1]]
    positions = (np.interp(inside, centres, np.arange(bands)) + 0.5) / bands
    chosen: list[tuple[float, int]] = []
    for position, hz in zip(positions.tolist(), inside, strict=True):
        if all(abs(position - other) >= APART for other, _ in chosen):
            chosen.append((position, hz))
    return tuple(Tick(position, _kilo(hz)) for position, hz in sorted(chosen))


def _kilo(hz: int) -> str:
    return f"{hz / 1000:g}k" if hz >= 1000 else str(hz)


def _time_ticks(seconds: float, frames: float) -> tuple[Tick, ...]:
    """Return round times; a frame lies at its middle."""
    steps = (step for step in ROUND_SECONDS if seconds / step <= MOST_TICKS)
    step = next(steps, ROUND_SECONDS[-1])
    times = np.arange(0, seconds + 1e-9, step)
    positions = (times / seconds * (frames - 1) + 0.5) / frames
    return tuple(Tick(float(p), f"{t:g}") for p, t in zip(positions, times.round(6), strict=True))


def _flipped(ticks: Iterable[Tick]) -> tuple[Tick, ...]:
    return tuple(Tick(1 - tick.position, tick.text) for tick in ticks)

"""Microphones: smooth random equalisation, and a stopped band."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from search_spaces.augment import draws
from search_spaces.augment.rows import on_chosen
from search_spaces.fourier import fast_length, frequencies
from search_spaces.grammar.kinds import within

LOWEST_HZ = 60.0  # the first of the equaliser's points; below it the gain is constant
EDGE_HZ = 50.0  # over which the edges of a stopped band fall, inside it
TAIL_S = 0.04  # what the filters' responses need beyond a clip's end


@dataclass(frozen=True)
class Equalizer:
    """Raise and lower frequencies smoothly by up to `max_db` either way.

    Gains are drawn at `n_points` points from 60 Hz to half the sampling rate, equally spaced in
    octaves, and joined by straight lines in dB.
    """

    p: float = 0.5
    max_db: float = 6.0
    n_points: int = 6

    def __post_init__(self) -> None:
        within("[0, 1]", p=self.p)
        within("[0, 100]", max_db=self.max_db)
        within("[2, 64]", n_points=self.n_points)

    def waveforms(self, x: Tensor, *, sampling_rate: int, generator: Generator) -> Tensor:
        """Return equalised waveforms (clips, samples); the filter has no phase."""
        points = [
            draws.uniform(x, -self.max_db, self.max_db, generator=generator)
            for _ in range(self.n_points)
        ]
        chosen = draws.chosen(x, self.p, generator=generator)
        length, hz = _bins(x, sampling_rate)
        hats = _hats(self.n_points, hz)

        def equalized(x: Tensor, db: Tensor) -> Tensor:
            return apply_gain(x, db @ hats, length)

        return on_chosen(equalized, chosen, x, torch.stack(points, 1))


def _hats(n_points: int, hz: Tensor) -> Tensor:
    """Return the weights (points, bins) that join points in octaves by straight lines."""
    octaves = torch.log2(hz.clamp_min(LOWEST_HZ) / LOWEST_HZ)
    place = octaves * ((n_points - 1) / octaves[-1:].clamp_min(1e-6))
    points = torch.arange(n_points, device=hz.device)
    return (1 - (place[None] - points[:, None]).abs()).clamp_min(0)


@dataclass(frozen=True)
class BandStop:
    """Take out one band of up to `max_fraction` of the frequencies, by `depth_db`."""

    p: float = 0.5
    max_fraction: float = 0.2  # of half the sampling rate
    depth_db: float = 40.0

    def __post_init__(self) -> None:
        within("[0, 1]", p=self.p, max_fraction=self.max_fraction)
        within("[0, 200]", depth_db=self.depth_db)

    def waveforms(self, x: Tensor, *, sampling_rate: int, generator: Generator) -> Tensor:
        """Return filtered waveforms (clips, samples); the filter has no phase."""
        nyquist = sampling_rate / 2
        width = draws.uniform(x, 0, self.max_fraction * nyquist, generator=generator)
        low = draws.uniform(x, 0, 1, generator=generator) * (nyquist - width)
        chosen = draws.chosen(x, self.p, generator=generator)
        length, hz = _bins(x, sampling_rate)

        def stopped(x: Tensor, low: Tensor, high: Tensor) -> Tensor:
            return apply_gain(x, stop_db(hz, low, high, self.depth_db), length)

        return on_chosen(stopped, chosen, x, low, low + width)


def stop_db(hz: Tensor, low: Tensor, high: Tensor, depth: float) -> Tensor:
    """Return gains in dB (clips, bins): 0 outside `low` to `high`, falling to `-depth` inside.

    Args:
        hz: Frequencies, shape (bins,).
        low: Lower edge of the band in Hz, shape (clips,).
        high: Upper edge in Hz, shape (clips,).
        depth: Attenuation in dB.
    """
    middle, half = (low + high)[:, None] / 2, (high - low)[:, None] / 2
    inside = (half - (hz[None] - middle).abs()) / EDGE_HZ
    return -depth * inside.clamp(0, 1)


def _bins(x: Tensor, sampling_rate: int) -> tuple[int, Tensor]:
    """Return the length of a transform with room for a filter's tail, and its bins in Hz."""
    length = fast_length(x.shape[1] + math.ceil(TAIL_S * sampling_rate))
    return length, frequencies(length, sampling_rate, x)


def apply_gain(x: Tensor, db: Tensor, length: int) -> Tensor:
    """Return waveforms (clips, samples) with gains (clips, bins) in dB applied to their spectra."""
    spectrum = torch.fft.rfft(x, n=length) * torch.exp(db * (math.log(10) / 20))
    filtered: Tensor = torch.fft.irfft(spectrum, n=length)
    return filtered[:, : x.shape[1]]

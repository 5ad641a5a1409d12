"""Rooms: reverberation by synthetic responses."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from search_spaces.augment import draws
from search_spaces.augment.rows import on_chosen
from search_spaces.fourier import fast_length
from search_spaces.grammar.kinds import at_least, ordered, within


@dataclass(frozen=True)
class Reverb:
    """Put the clip into a room: the direct sound and a tail of exponentially decaying noise.

    Polack's model of late reverberation: Gaussian noise that falls by 60 dB within `rt60` seconds,
    at a ratio of direct to reverberant energy. The clip keeps its power.
    """

    p: float = 0.5
    min_rt60: float = 0.1  # s
    max_rt60: float = 0.5  # s
    min_drr_db: float = 0.0
    max_drr_db: float = 15.0

    def __post_init__(self) -> None:
        within("[0, 1]", p=self.p)
        at_least(0.01, min_rt60=self.min_rt60)
        within(f"[{self.min_rt60}, 10]", max_rt60=self.max_rt60)
        ordered(min_drr_db=self.min_drr_db, max_drr_db=self.max_drr_db)

    def waveforms(self, x: Tensor, *, sampling_rate: int, generator: Generator) -> Tensor:
        """Return reverberant waveforms (clips, samples)."""
        rt60 = draws.uniform(x, self.min_rt60, self.max_rt60, generator=generator)
        drr_db = draws.uniform(x, self.min_drr_db, self.max_drr_db, generator=generator)
        wet = draws.chosen(x, self.p, generator=generator)
        n_tail = min(math.ceil(self.max_rt60 * sampling_rate), x.shape[1])

        def heard(x: Tensor, rt60: Tensor, drr_db: Tensor) -> Tensor:
            noise = draws.normal(x, n_tail, generator=generator)
            return reverberate(x, tails(noise, rt60 * sampling_rate, drr_db))

        return on_chosen(heard, wet, x, rt60, drr_db)


def tails(noise: Tensor, rt60: Tensor, drr_db: Tensor) -> Tensor:
    """Return tails (clips, samples) beside a direct sound of one at sample 0.

    Args:
        noise: Standard normal, shape (clips, samples); sample i of a tail comes i + 1 later.
        rt60: Samples in which a tail falls by 60 dB, shape (clips,).
        drr_db: Direct to reverberant energy in dB, shape (clips,).
    """
    time = torch.arange(noise.shape[1], device=noise.device)
    tail = noise * torch.exp(-math.log(1000) * time[None] / rt60[:, None])
    energy = tail.square().sum(1).clamp_min(1e-20)
    return tail * (10.0 ** (-drr_db / 20) / energy.sqrt())[:, None]


def reverberate(x: Tensor, tail: Tensor) -> Tensor:
    """Return `x` (clips, samples) with a tail (clips, samples) added, at the power it had."""
    from torchaudio.functional import fftconvolve  # here, since few trials need it

    n = x.shape[1] + tail.shape[1]
    response = F.pad(tail, (1, fast_length(n) - n))  # torchaudio's transform is as long as both
    response[:, 0] = 1
    heard: Tensor = fftconvolve(x, response)[:, : x.shape[1]]
    power = heard.square().mean(1, keepdim=True).clamp_min(1e-20)
    return heard * (x.square().mean(1, keepdim=True) / power).sqrt()

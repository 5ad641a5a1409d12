"""Sounds added at a signal-to-noise ratio: coloured noise, and other clips."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from search_spaces.augment import draws
from search_spaces.augment.rows import on_chosen
from search_spaces.fourier import fast_length, frequencies
from search_spaces.grammar.kinds import later, one_of, ordered, within

# Colour: the power density falls as 1 / f ** exponent. Below FLAT_HZ it is flat, so that the
# signal-to-noise ratio is one of what can be heard.
COLORS = {"white": 0.0, "pink": 1.0, "brown": 2.0, "blue": -1.0, "violet": -2.0}
RANDOM = "random"  # an exponent per clip, from blue to brown
FLAT_HZ = 50.0


@dataclass(frozen=True)
class Noise:
    """Add noise at a signal-to-noise ratio drawn between two bounds in dB."""

    p: float = 0.5
    min_snr_db: float = 10.0
    max_snr_db: float = 30.0
    color: str = later("white")  # white, pink, brown, blue, violet, random

    def __post_init__(self) -> None:
        _check(self.p, self.min_snr_db, self.max_snr_db)
        one_of((*COLORS, RANDOM), color=self.color)

    def waveforms(self, x: Tensor, *, sampling_rate: int, generator: Generator) -> Tensor:
        """Return noisy waveforms; the noise is scaled to the exact ratio in each clip."""
        snr_db = draws.uniform(x, self.min_snr_db, self.max_snr_db, generator=generator)
        chosen = draws.chosen(x, self.p, generator=generator)

        def noisy(x: Tensor, snr_db: Tensor) -> Tensor:
            return add(x, self._noise(x, sampling_rate, generator), snr_db)

        return on_chosen(noisy, chosen, x, snr_db)

    def _noise(self, x: Tensor, sampling_rate: int, generator: Generator) -> Tensor:
        if self.color == "white":
            return draws.normal(x, x.shape[1], generator=generator)
        if self.color == RANDOM:
            low, high = COLORS["blue"], COLORS["brown"]
            exponent = draws.uniform(x, low, high, generator=generator)
        else:
            exponent = torch.full((len(x),), COLORS[self.color], device=x.device)
        length = fast_length(x.shape[1])
        spectrum = draws.normal(x, length // 2 + 1, 2, generator=generator)
        hz = frequencies(length, sampling_rate, x).clamp_min(FLAT_HZ)
        shape = torch.exp(-0.5 * exponent[:, None] * hz.log()[None])
        shape[:, 0] = 0
        noise: Tensor = torch.fft.irfft(torch.view_as_complex(spectrum) * shape, n=length)
        return noise[:, : x.shape[1]]


@dataclass(frozen=True)
class Background:
    """Add another clip of the batch at a signal-to-noise ratio drawn between two bounds in dB.

    The label stays that of the clip in front.
    """

    p: float = 0.5
    min_snr_db: float = 5.0
    max_snr_db: float = 20.0

    def __post_init__(self) -> None:
        _check(self.p, self.min_snr_db, self.max_snr_db)

    def waveforms(self, x: Tensor, *, sampling_rate: int, generator: Generator) -> Tensor:
        """Return waveforms (clips, samples) with others behind them."""
        other = draws.others(x, generator=generator)
        snr_db = draws.uniform(x, self.min_snr_db, self.max_snr_db, generator=generator)
        chosen = draws.chosen(x, self.p, generator=generator)

        def crowded(front: Tensor, other: Tensor, snr_db: Tensor) -> Tensor:
            return add(front, x[other], snr_db)

        return on_chosen(crowded, chosen, x, other, snr_db)


def add(x: Tensor, noise: Tensor, snr_db: Tensor) -> Tensor:
    """Return `x` with noise, both (clips, samples), at a ratio of mean powers in each clip.

    Args:
        x: The signals; a silent one stays silent.
        noise: What is added, at any level.
        snr_db: The ratio in dB, shape (clips,).
    """
    # Norms, which a CPU finds in a third of the time of a mean of squares.
    norm, added = (torch.linalg.vector_norm(w, dim=1) for w in (x, noise))
    level = norm / added.clamp_min(1e-10) * 10.0 ** (-snr_db / 20)
    return torch.addcmul(x, noise, level[:, None])


def _check(p: float, low: float, high: float) -> None:
    within("[0, 1]", p=p)
    within("[-100, 200]", min_snr_db=low, max_snr_db=high)
    ordered(min_snr_db=low, max_snr_db=high)

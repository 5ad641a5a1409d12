"""Moving a clip in time, and playing it faster or slower."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from search_spaces.augment import draws
from search_spaces.grammar.kinds import within

FINE = 4  # points a sample between which a clip is interpolated linearly


@dataclass(frozen=True)
class Shift:
    """Rotate the clip in time by up to `max_ms` either way."""

    p: float = 1.0
    max_ms: float = 100.0

    def __post_init__(self) -> None:
        within("[0, 1]", p=self.p)
        within("[0, 60000]", max_ms=self.max_ms)

    def waveforms(self, x: Tensor, *, sampling_rate: int, generator: Generator) -> Tensor:
        """Return rotated waveforms (clips, samples)."""
        length = x.shape[1]
        most = self.max_ms * sampling_rate / 1000
        by = draws.uniform(x, -most, most, generator=generator).round().long()
        by = by * draws.chosen(x, self.p, generator=generator)
        index = (torch.arange(length, device=x.device)[None] - by[:, None]) % length
        return x.gather(1, index)


@dataclass(frozen=True)
class Speed:
    """Play the clip up to `max_percent` faster or slower: pitch and formants move together."""

    p: float = 0.5
    max_percent: float = 10.0

    def __post_init__(self) -> None:
        within("[0, 1]", p=self.p)
        within("[0, 50]", max_percent=self.max_percent)

    def waveforms(self, x: Tensor, *, sampling_rate: int, generator: Generator) -> Tensor:
        """Return resampled waveforms about the middle; beyond the ends the clip is reflected."""
        most = self.max_percent / 100
        factor = 1.0 + draws.uniform(x, -most, most, generator=generator)
        chosen = draws.chosen(x, self.p, generator=generator)
        return torch.where(chosen[:, None], play(x, factor), x)


def play(x: Tensor, factor: Tensor) -> Tensor:
    """Return waveforms (clips, samples) played `factor` (clips,) times as fast.

    The middle of the clip stays where it is; beyond its ends it is reflected. What would come to
    lie above half the sampling rate is left out. A tone at 0.47 of the sampling rate loses 0.4 dB.
    """
    n = x.shape[1]
    spectra = torch.fft.rfft(torch.cat([x, x.flip(1)], dim=1))  # of 2n samples, without a jump
    bins = torch.arange(n + 1, device=x.device)
    spectra = spectra * (bins * factor[:, None] <= n)
    fine = torch.fft.irfft(spectra, n=2 * n * FINE) * FINE
    middle = (n - 1) / 2
    time = torch.arange(n, device=x.device, dtype=torch.float64) - middle
    place = (time * factor[:, None] + middle) % (2 * n) * FINE
    before = place.long()
    after = (before + 1) % fine.shape[1]
    return torch.lerp(fine.gather(1, before), fine.gather(1, after), (place - before).to(x.dtype))

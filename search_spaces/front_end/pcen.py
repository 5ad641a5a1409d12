"""Per-channel energy normalisation: an automatic gain per band, then a root."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from search_spaces.grammar.kinds import at_least, within

BLOCK = 256  # frames of one matrix product, which grows with its square


@dataclass(frozen=True)
class Pcen:
    """Per-channel energy normalisation (Wang et al. 2017).

    (E / (floor + M)^alpha + delta)^r - delta^r, with M the band's power E smoothed over the past.
    Level and the colour of the microphone go, onsets stay.
    """

    time_ms: float = 400.0  # time constant of M
    alpha: float = 0.98  # strength of the gain: 1 removes the level altogether
    delta: float = 2.0
    r: float = 0.5
    floor_db: float = -100.0  # below this power, re a full-scale sine, the gain rises no more
    trainable: bool = False  # alpha, delta and r per band, and the time constant, are learnt

    def __post_init__(self) -> None:
        at_least(1, time_ms=self.time_ms)
        at_least(1e-3, delta=self.delta)
        if self.time_ms > 60_000:
            raise ValueError(f"time_ms must be at most 60000, got time_ms={self.time_ms!r}")
        within("(0, 1]", alpha=self.alpha, r=self.r)
        within("[-200, 0)", floor_db=self.floor_db)


class PcenModule(nn.Module):
    """`Pcen` of powers (clips, channels, bands, frames), of the same shape.

    What is learnt is the logarithm of each parameter over its first value: zero at the start, and
    weight decay draws it back there.

    Args:
        kind: The first values, and whether they are learnt.
        n_channels: Channels.
        n_bands: Bands.
        frames_per_s: Frames a second, by which the time constant becomes a coefficient.
    """

    def __init__(self, kind: Pcen, *, n_channels: int, n_bands: int, frames_per_s: float) -> None:
        super().__init__()
        self.kind = kind
        self.smoothing = smoothing_coefficient(kind.time_ms / 1000 * frames_per_s)
        if kind.trainable:
            self.log_gains = nn.Parameter(torch.zeros(3, n_channels, n_bands, 1))
            self.log_smoothing = nn.Parameter(torch.zeros(n_channels, 1, 1))

    log_gains: Tensor
    log_smoothing: Tensor

    def forward(self, power: Tensor) -> Tensor:
        """Return the normalised powers; differentiable in what is learnt."""
        alpha, delta, r = self.kind.alpha, self.kind.delta, self.kind.r
        floor = 10.0 ** (self.kind.floor_db / 10)
        if not self.kind.trainable:
            s = power.new_full((), self.smoothing)
            level = smooth(power, s) + floor
            normalized: Tensor = (power * level.pow(-alpha) + delta).pow(r) - delta**r
            return normalized
        gains = self.log_gains.exp()
        s = (self.log_smoothing.exp() * self.smoothing).clamp(1e-4, 1.0)
        level = smooth(power, s) + floor
        shift = gains[1] * delta
        root = gains[2] * r
        # Powers as exp and log: the gradient of an exponent is then a product, and no second power.
        gained = power * (level.log() * (-gains[0] * alpha)).exp() + shift
        learnt: Tensor = (gained.log() * root).exp() - shift.pow(root)
        return learnt


def smoothing_coefficient(frames: float) -> float:
    """Return s of M[t] = (1 - s) M[t - 1] + s E[t] for a time constant in frames.

    The one whose gain falls to half power at the frequency 1 / (2 pi frames), as librosa has it.

    >>> round(smoothing_coefficient(40.0), 4)
    0.0247
    """
    return (math.sqrt(1 + 4 * frames**2) - 1) / (2 * frames**2)


def smooth(power: Tensor, s: Tensor) -> Tensor:
    """Return M[t] = (1 - s) M[t - 1] + s E[t] over the last axis, M before the clip being E[0].

    One matrix product per `BLOCK` frames, each of which goes on from the last M of the one before.

    Args:
        power: E, of shape (..., frames).
        s: The coefficient in (0, 1], a scalar or a shape that broadcasts with `power`.
    """
    before = power[..., :1]
    levels = []
    for part in torch.split(power, BLOCK, dim=-1):
        time = torch.arange(part.shape[-1], device=power.device)
        age = time[None, :] - time[:, None]
        decay = (1 - s).clamp_min(1e-30).log()
        matrix = torch.where(age >= 0, s * (decay * age.clamp_min(0)).exp(), 0.0)
        levels.append(part @ matrix + before * (decay * (time + 1)).exp())
        before = levels[-1][..., -1:]
    return levels[0] if len(levels) == 1 else torch.cat(levels, dim=-1)

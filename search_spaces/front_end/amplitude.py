"""Amplitude scales: what a band's power becomes before it is a pixel."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from search_spaces.front_end.pcen import Pcen, PcenModule
from search_spaces.grammar.kinds import Dimension, at_least, within

__all__ = [
    "AMPLITUDES",
    "Amplitude",
    "Db",
    "Log1p",
    "Magnitude",
    "Pcen",
    "Power",
    "Root",
    "amplitude_module",
]


@dataclass(frozen=True)
class Power:
    """The power itself; 1 is a full-scale sine."""

    def apply(self, power: Tensor) -> Tensor:
        """Return the power."""
        return power


@dataclass(frozen=True)
class Magnitude:
    """The square root of the power; 1 is a full-scale sine."""

    def apply(self, power: Tensor) -> Tensor:
        """Return the root of the power, of the same shape."""
        return power.sqrt()


@dataclass(frozen=True)
class Db:
    """Decibels re a full-scale sine, cut at a floor."""

    floor_db: float = -80.0

    def __post_init__(self) -> None:
        within("[-200, 0)", floor_db=self.floor_db)

    def apply(self, power: Tensor) -> Tensor:
        """Return 10 log10 of the power, at least `floor_db`, of the same shape."""
        return power.clamp_min(10.0 ** (self.floor_db / 10.0)).log10_().mul_(10.0)


@dataclass(frozen=True)
class Log1p:
    """log(1 + gain x power): linear for what is weak, logarithmic for what is strong."""

    gain: float = 1e4

    def __post_init__(self) -> None:
        at_least(1e-6, gain=self.gain)

    def apply(self, power: Tensor) -> Tensor:
        """Return log(1 + gain x power), of the same shape."""
        return torch.log1p(self.gain * power)


@dataclass(frozen=True)
class Root:
    """Power raised to an exponent below one (0.5: magnitude; 0.33: loudness-like)."""

    exponent: float = 0.33

    def __post_init__(self) -> None:
        within("(0, 1]", exponent=self.exponent)

    def apply(self, power: Tensor) -> Tensor:
        """Return power ** exponent, of the same shape."""
        return power.pow(self.exponent)


Amplitude = Power | Magnitude | Db | Log1p | Root | Pcen
AMPLITUDES = Dimension(
    "amplitude",
    {
        "db": Db,
        "log1p": Log1p,
        "root": Root,
        "power": Power,
        "magnitude": Magnitude,
        "pcen": Pcen,
    },
)


class _Pointwise(nn.Module):
    """An amplitude scale that looks at one power at a time."""

    def __init__(self, kind: Power | Magnitude | Db | Log1p | Root) -> None:
        super().__init__()
        self.kind = kind

    def forward(self, power: Tensor) -> Tensor:
        """Return amplitudes of the same shape."""
        return self.kind.apply(power)


def amplitude_module(
    kind: Amplitude, *, n_channels: int, n_bands: int, frames_per_s: float
) -> nn.Module:
    """Return an amplitude scale as a module, with what it learns as parameters.

    Args:
        kind: The amplitude scale.
        n_channels: Channels of the powers.
        n_bands: Bands of the powers.
        frames_per_s: Frames a second.

    Returns:
        Maps powers (clips, channels, bands, frames) to amplitudes of the same shape.
    """
    if isinstance(kind, Pcen):
        return PcenModule(kind, n_channels=n_channels, n_bands=n_bands, frames_per_s=frames_per_s)
    return _Pointwise(kind)

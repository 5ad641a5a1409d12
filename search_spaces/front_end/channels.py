"""Channels: which spectrograms, amplitudes or derivatives become the channels of an image."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import ClassVar

from search_spaces.front_end.amplitude import AMPLITUDES, Amplitude
from search_spaces.grammar.kinds import Dimension, at_least, one_of
from search_spaces.scales import SCALES, Scale

Spectrum = tuple[float, Scale]  # window length in ms, frequency scale


@dataclass(frozen=True)
class _Channels:
    """What kinds of channels share; those below say what differs."""

    label: ClassVar[str] = "mono"
    n_channels: ClassVar[int] = 1
    same_unit: ClassVar[bool] = True  # channels compare, so that a clip is normalised as a whole

    @property
    def windows(self) -> tuple[float, ...]:
        """Window lengths in ms."""
        raise NotImplementedError

    def spectra(self, scale: Scale) -> tuple[Spectrum, ...]:
        """Return the spectrograms to be taken, one or one a channel."""
        return tuple((window, scale) for window in self.windows)

    def amplitudes(self, amplitude: Amplitude) -> tuple[Amplitude, ...]:
        """Return the amplitude scales to be taken of each spectrogram."""
        return (amplitude,)


@dataclass(frozen=True)
class Mono(_Channels):
    """One spectrogram, one channel."""

    window_ms: float = 25.0

    def __post_init__(self) -> None:
        at_least(1, window_ms=self.window_ms)

    @property
    def windows(self) -> tuple[float, ...]:
        """The window length in ms."""
        return (self.window_ms,)


@dataclass(frozen=True)
class Windows(_Channels):
    """Three spectrograms of three window lengths on one transform and hop: a 3-channel image."""

    label: ClassVar[str] = "3win"
    n_channels: ClassVar[int] = 3
    windows_ms: tuple[float, ...] = (8.0, 16.0, 32.0)

    def __post_init__(self) -> None:
        if len(self.windows_ms) != 3:
            raise ValueError(f"windows_ms must be three lengths, got {list(self.windows_ms)}")
        at_least(1, windows_ms=min(self.windows_ms))

    @property
    def windows(self) -> tuple[float, ...]:
        """Window lengths in ms, one a channel."""
        return self.windows_ms


@dataclass(frozen=True)
class Deltas(Mono):
    """A spectrogram, its deltas and its delta-deltas."""

    label: ClassVar[str] = "deltas"
    n_channels: ClassVar[int] = 3
    same_unit: ClassVar[bool] = False
    width: int = 9  # frames that a derivative is taken from, odd

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 3 <= self.width <= 99 or self.width % 2 == 0:
            raise ValueError(f"width must be odd and in [3, 99], got width={self.width!r}")


@dataclass(frozen=True)
class Amplitudes(Mono):
    """A spectrogram on three amplitude scales: the trial's own and two others.

    The others are the first two of `others` that the trial's own is not, with their defaults.
    """

    label: ClassVar[str] = "3amp"
    n_channels: ClassVar[int] = 3
    same_unit: ClassVar[bool] = False
    others: tuple[str, ...] = ("db", "log1p", "root")

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_others(self.others, AMPLITUDES)

    def amplitudes(self, amplitude: Amplitude) -> tuple[Amplitude, ...]:
        """Return three amplitude scales, the trial's own first."""
        others = (AMPLITUDES.kinds[name] for name in _but(self.others, AMPLITUDES, amplitude))
        return (amplitude, *(kind() for kind in others))


@dataclass(frozen=True)
class Scales(Mono):
    """A spectrogram on three frequency scales: the trial's own and two others.

    The others are the first two of `others` that the trial's own is not, of as many bands between
    the same limits as far as they go there.
    """

    label: ClassVar[str] = "3scale"
    n_channels: ClassVar[int] = 3
    others: tuple[str, ...] = ("linear", "mel", "log")

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_others(self.others, SCALES)

    def spectra(self, scale: Scale) -> tuple[Spectrum, ...]:
        """Return three spectrograms of one window, that on the trial's own scale first."""
        made = [
            dataclasses.replace(
                kind := SCALES.kinds[name](),
                n_bands=scale.n_bands,
                fmin=max(kind.fmin, scale.fmin),
                fmax=scale.fmax,
            )
            for name in _but(self.others, SCALES, scale)
        ]
        return tuple((self.window_ms, s) for s in (scale, *made))


def _check_others(others: tuple[str, ...], dimension: Dimension) -> None:
    if len(others) < 3 or len(set(others)) < len(others):
        raise ValueError(f"others must be at least three different names, got {list(others)}")
    for name in others:
        one_of(tuple(dimension.kinds), others=name)


def _but(others: tuple[str, ...], dimension: Dimension, own: Scale | Amplitude) -> list[str]:
    return [name for name in others if name != dimension.name_of(own)][:2]


Channels = Mono | Windows | Deltas | Amplitudes | Scales
CHANNELS = Dimension(
    "channels",
    {
        "mono": Mono,
        "windows": Windows,
        "deltas": Deltas,
        "amplitudes": Amplitudes,
        "scales": Scales,
    },
)

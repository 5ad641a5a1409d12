"""One number for all augmentation, so that a short study can search one number."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Generator, Tensor

from search_spaces.augment import draws
from search_spaces.augment.filters import BandStop, Equalizer
from search_spaces.augment.level import Gain
from search_spaces.augment.masks import Erasing, FrequencyMask, TimeMask
from search_spaces.augment.noise import Noise
from search_spaces.augment.places import ImageAugmentation, WaveformAugmentation
from search_spaces.augment.reverb import Reverb
from search_spaces.augment.rows import on_chosen
from search_spaces.augment.time_warp import TimeWarp
from search_spaces.augment.timing import Shift, Speed
from search_spaces.grammar.kinds import within

Choice = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Combined:
    """For each clip `n` of the waveform's augmentations and `n` of the image's, at one strength.

    As RandAugment (Cubuk et al. 2020): which ones is drawn anew for each clip, with replacement.
    Strength 0 does next to nothing, 1 is more than most data wants.
    """

    p: float = 1.0
    n: int = 1
    strength: float = 0.5

    def __post_init__(self) -> None:
        within("[0, 1]", p=self.p, strength=self.strength)
        within("[1, 8]", n=self.n)

    def waveforms(self, x: Tensor, *, sampling_rate: int, generator: Generator) -> Tensor:
        """Return augmented waveforms (clips, samples)."""
        choices = [
            lambda part, a=a: a.waveforms(part, sampling_rate=sampling_rate, generator=generator)
            for a in _waveform_augmentations(self.p, self.strength)
        ]
        return _each_one_of(choices, x, self.n, generator)

    def images(self, x: Tensor, *, generator: Generator) -> Tensor:
        """Return augmented images (clips, channels, height, width)."""
        choices = [
            lambda part, a=a: a.images(part, generator=generator)
            for a in _image_augmentations(self.p, self.strength)
        ]
        return _each_one_of(choices, x, self.n, generator)


def _waveform_augmentations(p: float, s: float) -> Sequence[WaveformAugmentation]:
    return (
        Speed(p, max_percent=25 * s),
        Shift(p, max_ms=300 * s),
        Reverb(p, max_rt60=0.1 + 0.7 * s, min_drr_db=20 - 20 * s, max_drr_db=25 - 10 * s),
        Equalizer(p, max_db=12 * s),
        BandStop(p, max_fraction=0.4 * s),
        Gain(p, max_db=12 * s),
        Noise(p, min_snr_db=40 - 35 * s, max_snr_db=45 - 25 * s, color="random"),
    )


def _image_augmentations(p: float, s: float) -> Sequence[ImageAugmentation]:
    return (
        TimeWarp(p, max_fraction=0.2 * s),
        TimeMask(p, max_fraction=0.4 * s),
        FrequencyMask(p, max_fraction=0.4 * s),
        Erasing(p, max_area=0.4 * s),
    )


def _each_one_of(choices: Sequence[Choice], x: Tensor, n: int, generator: Generator) -> Tensor:
    """Return `x` after `n` rounds in each of which every clip is changed by one of `choices`."""
    for _ in range(n):
        drawn = draws.uniform(x, 0, len(choices), generator=generator).long()
        for k, choice in enumerate(choices):
            x = on_chosen(choice, drawn == k, x)
    return x

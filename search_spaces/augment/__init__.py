"""Augmentation, batched on the device, with parameters drawn per clip from an explicit generator.

An augmentation is a frozen dataclass with a probability `p` per clip and a method for each place
where it acts: `waveforms` (clips, samples), `images` (clips, channels, height, width, low frequency
first), or `mix` (images and targets together). None of them waits for the device.
"""

from __future__ import annotations

from typing import Any

from search_spaces.augment.combined import Combined
from search_spaces.augment.filters import BandStop, Equalizer
from search_spaces.augment.level import Gain, Polarity
from search_spaces.augment.masks import Erasing, FrequencyMask, TimeMask
from search_spaces.augment.mixing import CutMix, Mixup
from search_spaces.augment.noise import Background, Noise
from search_spaces.augment.places import ImageAugmentation, MixAugmentation, WaveformAugmentation
from search_spaces.augment.reverb import Reverb
from search_spaces.augment.time_warp import TimeWarp
from search_spaces.augment.timing import Shift, Speed

__all__ = [
    "AUGMENTATIONS",
    "Background",
    "BandStop",
    "Combined",
    "CutMix",
    "Equalizer",
    "Erasing",
    "FrequencyMask",
    "Gain",
    "ImageAugmentation",
    "MixAugmentation",
    "Mixup",
    "Noise",
    "Polarity",
    "Reverb",
    "Shift",
    "Speed",
    "TimeMask",
    "TimeWarp",
    "WaveformAugmentation",
]

# In the order in which they act: voice, room, what else is in it, microphone; then the image.
AUGMENTATIONS: dict[str, type[Any]] = {
    "combined": Combined,
    "speed": Speed,
    "shift": Shift,
    "reverb": Reverb,
    "background": Background,
    "eq": Equalizer,
    "band_stop": BandStop,
    "polarity": Polarity,
    "gain": Gain,
    "noise": Noise,
    "time_warp": TimeWarp,
    "time_mask": TimeMask,
    "frequency_mask": FrequencyMask,
    "erasing": Erasing,
    "mixup": Mixup,
    "cutmix": CutMix,
}

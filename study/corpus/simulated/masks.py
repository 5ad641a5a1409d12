"""What a face mask does to speech: attenuation by frequency, and how it varies with the wearer.

The surgical curve is a measured one. For the respirators only figures of bands were at hand; their
curves are ours, drawn through those figures, and lie between what different studies report.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from search_spaces.grammar.errors import InputError

# Attenuation of a surgical mask, dB by Hz (Corey et al. 2020, as read off in public code).
MASK_DB: dict[int, float] = {
    1500: 0.0, 2000: -0.5, 2500: -1.7, 2815: -5.5, 3175: -1.9, 3500: -5.0,
    4000: -6.0, 5000: -7.5, 6000: -4.0, 7000: -3.0, 8000: -3.0,
}  # fmt: skip

# dB by Hz; straight lines between, level outside.
ATTENUATION_DB: dict[str, dict[int, float]] = {
    "surgical": MASK_DB,
    # Close to a surgical mask (Corey et al. 2020, from memory: about 4 dB at most); up to 5 dB
    # above 2 kHz, under 2 dB below (Schumaker and Barnard 2021).
    "KN95": {1000: 0.0, 2000: -2.0, 3000: -4.0, 5000: -5.0, 7000: -4.5, 8000: -4.0},
    # About 12 dB from 2 to 7 kHz (Goldin et al. 2020); nothing below 1 kHz (Rahne et al. 2021).
    # With the leak of most wearers 6 to 9 dB are left, as the latter and Corey et al. found.
    "N95": {1000: 0.0, 2000: -10.0, 2500: -12.0, 7000: -12.0, 8000: -11.0},
}
FILTER_SECONDS = 0.064  # long enough for the notches of the tables to come out within 0.2 dB

Array = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Wearer:
    """How one person wears a mask; the defaults are the table itself."""

    mask: str  # a key of `ATTENUATION_DB`
    fit: float = 1.0  # factor on its dB: how much cloth the voice goes through
    shift: float = 1.0  # factor on its frequencies: where the notches of this face lie
    leak: float = 0.0  # share of the amplitude that passes beside the mask, [0, 1]


def draw_wearer(rng: Generator, mask: str) -> Wearer:
    """A random wearer of a mask."""
    return Wearer(
        mask=mask,
        fit=float(np.exp(rng.normal(0.0, 0.2))),
        shift=rng.uniform(0.9, 1.1),
        leak=rng.uniform(0.0, 0.3),
    )


def attenuation(frequencies: Array, wearer: Wearer) -> Array:
    """What a mask leaves of a voice, dB, shape as ``frequencies`` (Hz).

    What goes through the mask and what passes beside it add up in phase.

    >>> attenuation(np.array([500.0, 4000.0]), Wearer("surgical")).round(3).tolist()
    [0.0, -6.0]
    >>> attenuation(np.array([4000.0]), Wearer("N95", leak=0.3)).round(1).tolist()
    [-6.5]
    """
    table = ATTENUATION_DB[wearer.mask]
    through = np.interp(frequencies, np.array(list(table)) * wearer.shift, list(table.values()))
    amplitude = wearer.leak + (1 - wearer.leak) * 10 ** (wearer.fit * through / 20)
    decibel: Array = 20 * np.log10(amplitude)
    return decibel


def filter_frequencies(sampling_rate: int) -> Array:
    """The frequencies, Hz, at which :func:`filter_taps` wants a response."""
    return np.fft.rfftfreq(_n_fft(sampling_rate), 1 / sampling_rate)


def filter_taps(response: Array, sampling_rate: int) -> Array:
    """A symmetric filter with a frequency response, shape ``(taps,)``, an odd number.

    Args:
        response: dB at :func:`filter_frequencies`.
        sampling_rate: Hz.
    """
    half = round(FILTER_SECONDS * sampling_rate / 2)
    impulse = np.fft.irfft(10 ** (response / 20), _n_fft(sampling_rate))
    taps: Array = np.roll(impulse, half)[: 2 * half + 1] * np.hanning(2 * half + 3)[1:-1]
    return taps


def _n_fft(sampling_rate: int) -> int:
    return int(2 ** math.ceil(math.log2(2 * FILTER_SECONDS * sampling_rate)))


def check_masks(masks: Sequence[str]) -> None:
    """Check names of masks.

    Raises:
        InputError: One is not known or given twice, or there is none.
    """
    for mask in masks:
        if mask not in ATTENUATION_DB:
            raise InputError(f"mask must be one of {', '.join(ATTENUATION_DB)}, got {mask!r}")
    if not masks or len(set(masks)) < len(masks):
        raise InputError(f"masks must be one or several different ones, got {', '.join(masks)!r}")

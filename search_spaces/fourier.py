"""Lengths that a fast Fourier transform takes readily, and the frequencies of its bins."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor


@lru_cache(maxsize=64)
def fast_length(n: int) -> int:
    """Return the least even number of at least `n` without prime factors above 5.

    >>> [fast_length(n) for n in (1, 7, 16_001, 22_400)]
    [2, 8, 16200, 22500]
    """
    found = max(2, n + n % 2)
    while True:
        rest = found
        for factor in (2, 3, 5):
            while rest % factor == 0:
                rest //= factor
        if rest == 1:
            return found
        found += 2


def frequencies(length: int, sampling_rate: int, x: Tensor) -> Tensor:
    """Return the frequencies in Hz of a real transform of `length`, on the device of `x`."""
    hz: Tensor = torch.fft.rfftfreq(length, 1 / sampling_rate, device=x.device)
    return hz

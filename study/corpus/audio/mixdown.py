"""From several channels to one: their mean, or one of them where they cancel each other.

A cable or a plug with two wires exchanged inverts a channel. The mean of the two is then nearly
silent, although each can be understood.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

CANCELLED = 0.01  # of the power that the mean of unrelated channels has
ROUNDING = 1e-9  # of the power with the mean: what varies less is constant


class Mixdown:
    """Mixes blocks of samples down and notes whether the channels cancel each other.

    With K channels of the variances v_k and v that of their mean, they cancel where

        v < 0.01 / K * mean_k v_k.

    Unrelated channels, or one alone that is not silent, have v = mean_k v_k / K.

    Args:
        channels: Their number.
    """

    def __init__(self, channels: int) -> None:
        self._n = 0
        self._sums = np.zeros((2, channels + 1))  # of samples and of squares; last of the mean

    def add(self, block: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the mean of the channels, (samples,), of a block (samples, channels)."""
        mean = block[:, 0] if block.shape[1] == 1 else block.mean(axis=1)
        if block.shape[1] > 1:
            self._n += len(block)
            for column, part in enumerate([*block.T, mean]):
                values = part.astype(np.float64)
                self._sums[:, column] += values.sum(), values @ values
        return mean

    @property
    def cancelled(self) -> bool:
        """Whether the channels of all blocks cancel each other."""
        means, squares = self._sums / max(self._n, 1)
        *channels, mean = squares - means**2
        some = np.mean(channels) > ROUNDING * squares[:-1].mean()
        return bool(some and mean * len(channels) < CANCELLED * np.mean(channels))

    @property
    def loudest(self) -> int:
        """The channel that varies most; the first of those within a hundredth of it."""
        means, squares = self._sums[:, :-1] / max(self._n, 1)
        variances = squares - means**2
        return int((variances >= 0.99 * variances.max()).argmax())

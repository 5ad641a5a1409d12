"""How clips are cut into frames, and how long windows and transforms are."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor

from search_spaces.fourier import fast_length
from search_spaces.scales import ConstantQ, Scale
from search_spaces.scales.constant_q import quality

MAX_N_FFT = 2**16


def framed(waveforms: Tensor, length: int, hop: int, ahead: int) -> Tensor:
    """Return a view (clips, frames, length): frame t begins `ahead` samples before t x hop."""
    n = waveforms.shape[-1]
    last = n // hop * hop - ahead + length
    return F.pad(waveforms, (ahead, max(0, last - n))).unfold(-1, length, hop)[:, : n // hop + 1]


def window_samples(window_ms: float, sampling_rate: int) -> int:
    """Return the length of a window in samples, at least 2."""
    return max(2, round(window_ms * sampling_rate / 1000))


def transform_size(
    windows_ms: Sequence[float], n_fft: int | None, sampling_rate: int, *, padding: int = 1
) -> int:
    """Return the size of the transform: `n_fft`, or a small one that holds all windows.

    The smallest power of two for one window: what it has more than the window brings bins closer
    together. Of several windows only the longest would gain by it, so that there it is the smallest
    even product of twos, threes and fives, which a transform takes as readily.

    Args:
        windows_ms: All windows.
        n_fft: Size, or None.
        sampling_rate: Hz.
        padding: Without a size, how many times as long the transform is.

    Raises:
        ValueError: If a window does not fit, or the transform is too long.
    """
    longest = window_samples(max(windows_ms), sampling_rate)
    if longest > MAX_N_FFT:
        raise ValueError(
            f"a window of {max(windows_ms):g} ms is {longest} samples at {sampling_rate} Hz; it"
            f" must be at most {MAX_N_FFT}"
        )
    power_of_2 = 1 << (longest - 1).bit_length()
    size = n_fft or padding * (fast_length(longest) if len(windows_ms) > 1 else power_of_2)
    if size > MAX_N_FFT:
        raise ValueError(f"padding={padding} makes transforms of {size}, at most {MAX_N_FFT}")
    if longest > size:
        raise ValueError(
            f"a window of {max(windows_ms):g} ms is {longest} samples at"
            f" {sampling_rate} Hz and does not fit n_fft={size}"
        )
    return size


def longest_window(scale: Scale, window_ms: float, sampling_rate: int) -> float:
    """Return the length in samples of the longest window that a scale has, computing no band."""
    if isinstance(scale, ConstantQ):
        return quality(window_ms) / scale.fmin * sampling_rate
    return max(2.0, window_ms * sampling_rate / 1000)

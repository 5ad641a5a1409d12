"""Power per band: by a short-time Fourier transform and a filter bank, or by constant-Q kernels.

Power is relative to a full-scale sine for every window, so that channels compare and decibels are
re full scale. A frame is centred on its time; beyond the clip there is silence.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from search_spaces.scales import ConstantQ, Scale, centres_hz, filter_bank
from search_spaces.scales.constant_q import kernel_lengths, quality

__all__ = [
    "MAX_N_FFT",
    "ConstantQBands",
    "StftBands",
    "longest_window",
    "transform_size",
    "window_samples",
]

MAX_N_FFT = 2**16
CHUNK = 2**20  # samples of windowed frames held at once on a CPU: what its caches hold
CHUNK_GPU = 2**27  # and on a GPU: about 1.5 GB with their transform, of any batch
SPARSE = 0.25  # a bank with fewer weights than that part of its size is summed weight by weight


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
    size = n_fft or padding * (_smooth(longest) if len(windows_ms) > 1 else _power_of_2(longest))
    if size > MAX_N_FFT:
        raise ValueError(f"padding={padding} makes transforms of {size}, at most {MAX_N_FFT}")
    if longest > size:
        raise ValueError(
            f"a window of {max(windows_ms):g} ms is {longest} samples at"
            f" {sampling_rate} Hz and does not fit n_fft={size}"
        )
    return size


def _power_of_2(n: int) -> int:
    return 1 << (n - 1).bit_length()


def _smooth(n: int) -> int:
    """Return the smallest even number from n on whose only prime factors are 2, 3 and 5."""

    def rest(value: int) -> int:
        for factor in (2, 3, 5):
            while value % factor == 0:
                value //= factor
        return value

    return next(size for size in itertools.count(n + n % 2, 2) if rest(size) == 1)


def longest_window(scale: Scale, window_ms: float, sampling_rate: int) -> float:
    """Return the length in samples of the longest window that a scale has, computing no band."""
    if isinstance(scale, ConstantQ):
        return quality(window_ms) / scale.fmin * sampling_rate
    return max(2.0, window_ms * sampling_rate / 1000)


def _framed(waveforms: Tensor, length: int, hop: int, ahead: int) -> Tensor:
    """Return a view (clips, frames, length): frame t begins `ahead` samples before t x hop."""
    n = waveforms.shape[-1]
    last = n // hop * hop - ahead + length
    return F.pad(waveforms, (ahead, max(0, last - n))).unfold(-1, length, hop)[:, : n // hop + 1]


class StftBands(nn.Module):
    """Powers (clips, channels, bands, frames) of waveforms (clips, samples) by one transform.

    Args:
        windows_ms: A window length for all channels, or one a channel.
        scales: A frequency scale for all channels, or one a channel, of equally many bands.
        n_fft: Size of the transform; None: as small as the windows allow, times `padding`.
        hop: Samples from frame to frame.
        sampling_rate: Hz.
        padding: See `n_fft`.

    Raises:
        ValueError: If a window does not fit the transform or `fmin` the sampling rate.
    """

    def __init__(
        self,
        windows_ms: Sequence[float],
        scales: Sequence[Scale],
        *,
        n_fft: int | None,
        hop: int,
        sampling_rate: int,
        padding: int = 1,
    ) -> None:
        super().__init__()
        self.n_fft = transform_size(windows_ms, n_fft, sampling_rate, padding=padding)
        self.hop = hop
        windows = [window_samples(ms, sampling_rate) for ms in windows_ms]
        self.register_buffer("windows", _hann(windows, self.n_fft), persistent=False)
        banks = [filter_bank(s, sampling_rate=sampling_rate, n_fft=self.n_fft) for s in scales]
        self.register_buffer("banks", torch.stack(banks), persistent=False)
        self._sums = [_band_sums(bank) for bank in banks]

    windows: Tensor
    banks: Tensor

    def power(self, waveforms: Tensor) -> Tensor:
        """Return the power spectrogram (clips, windows, bins, frames) of (clips, samples)."""
        return torch.stack(list(self._powers(waveforms)), dim=1).transpose(2, 3)

    def _powers(self, waveforms: Tensor) -> Iterator[Tensor]:
        """Yield the power spectrogram (clips, frames, bins) of each window."""
        frames = _framed(waveforms, self.n_fft, self.hop, self.n_fft // 2)
        for window in self.windows:
            squares = torch.view_as_real(torch.fft.rfft(frames * window)).square_()
            yield squares[..., 0] + squares[..., 1]

    def forward(self, waveforms: Tensor) -> Tensor:
        """Return powers per band, of some clips at a time."""
        if torch.compiler.is_compiling():
            return self._whole(waveforms)
        if waveforms.device.type == "cpu":
            return self._in_cache(waveforms)
        parts = torch.split(waveforms, self._clips_of(waveforms, CHUNK_GPU))
        return torch.cat([self._whole(part) for part in parts])

    def _clips_of(self, waveforms: Tensor, samples: int) -> int:
        """Return how many clips have so many samples of windowed frames, at least 1."""
        return max(1, samples // ((waveforms.shape[-1] // self.hop + 1) * self.n_fft))

    def _whole(self, waveforms: Tensor) -> Tensor:
        bands = [power @ bank.mT for power in self._powers(waveforms) for bank in self.banks]
        return torch.stack(bands, dim=1).transpose(2, 3).contiguous()

    def _in_cache(self, waveforms: Tensor) -> Tensor:
        """Return the same on a CPU without the bank's zeros.

        Some frames at a time, since what does not leave the cache is three times as fast.
        """
        frames = _framed(waveforms, self.n_fft, self.hop, self.n_fft // 2)
        n_windows, (n_banks, n_bands, _) = len(self.windows), self.banks.shape
        found = waveforms.new_empty(len(frames), n_windows, n_banks, n_bands, frames.shape[1])
        n = max(1, CHUNK // (n_windows * self.n_fft))
        for clips, into in _split(frames, found, max(1, n // frames.shape[1]), 0, 0):
            for some, place in _split(clips, into, n, 1, 4):
                power = self._power_by_bin(some)
                for bank, sums in enumerate(self._sums):
                    bands = sums(power).view(n_bands, len(some), n_windows, -1)
                    place[:, :, bank] = bands.permute(1, 2, 0, 3)
        return found.flatten(1, 2)

    def _power_by_bin(self, frames: Tensor) -> Tensor:
        """Return powers (bins, clips x windows x frames) of frames (clips, frames, samples)."""
        spectra = torch.fft.rfft(frames[:, None] * self.windows[:, None]).flatten(0, 2)
        real, imaginary = torch.view_as_real(spectra).square_().unbind(-1)
        power = frames.new_empty(spectra.shape[::-1])
        return torch.add(real.T, imaginary.T, out=power)


class ConstantQBands(nn.Module):
    """Powers (clips, 1, bands, frames) of waveforms (clips, samples), a window length a band.

    Every band is the inner product with a windowed sine and cosine of its centre. Bands whose
    windows are about equally long are one convolution.

    Args:
        window_ms: Length of the window at 250 Hz.
        scale: The bands.
        hop: Samples from frame to frame.
        sampling_rate: Hz.

    Raises:
        ValueError: If a window is longer than any transform may be, or `fmin` too high.
    """

    def __init__(self, window_ms: float, scale: ConstantQ, *, hop: int, sampling_rate: int) -> None:
        super().__init__()
        self.hop = hop
        lengths = kernel_lengths(scale, window_ms, sampling_rate)
        if lengths.max() > MAX_N_FFT:
            raise ValueError(
                f"a window of {window_ms:g} ms at 250 Hz is {lengths.max():.0f} samples in the"
                f" lowest band of constant_q; it must be at most {MAX_N_FFT}"
            )
        radians = 2 * np.pi * centres_hz(scale, sampling_rate) / sampling_rate
        groups = np.ceil(2 * np.log2(lengths)).astype(int)  # half octaves of length
        self.n_groups = 0
        for group in np.unique(groups)[::-1]:  # the longest first: the lowest bands
            chosen = groups == group
            kernels = _kernels(lengths[chosen], radians[chosen])
            self.register_buffer(f"kernels_{self.n_groups}", kernels, persistent=False)
            self.n_groups += 1

    def forward(self, waveforms: Tensor) -> Tensor:
        """Return powers per band."""
        parts = []
        for i in range(self.n_groups):
            kernels: Tensor = self.get_buffer(f"kernels_{i}")
            length = kernels.shape[0]
            spectra = _framed(waveforms, length, self.hop, length // 2) @ kernels
            real, imaginary = spectra.square().chunk(2, dim=-1)
            parts.append(real + imaginary)
        return torch.cat(parts, dim=-1).transpose(1, 2)[:, None]


def _split(a: Tensor, b: Tensor, n: int, dim_a: int, dim_b: int) -> Iterable[tuple[Tensor, Tensor]]:
    """Return both in parts of n along a dimension each."""
    return zip(torch.split(a, n, dim_a), torch.split(b, n, dim_b), strict=True)


def _band_sums(bank: Tensor) -> Callable[[Tensor], Tensor]:
    """Return what sums powers (bins, anything) into bands by a bank (bands, bins).

    Nearly every weight of most banks is zero: triangles weigh a bin twice at most.
    """
    band, bins = bank.nonzero(as_tuple=True)
    if len(bins) > SPARSE * bank.numel():
        return bank.matmul
    weights = bank[band, bins]
    first = torch.searchsorted(band, torch.arange(len(bank)))

    def sums(power: Tensor) -> Tensor:
        return F.embedding_bag(bins, power, first, mode="sum", per_sample_weights=weights)

    return sums


def _hann(lengths: list[int], n_fft: int) -> Tensor:
    """Return centred Hann windows, scaled so that a full-scale sine has power 1."""
    windows = torch.zeros(len(lengths), n_fft)
    for row, length in zip(windows, lengths, strict=True):
        hann = torch.hann_window(length, periodic=True)
        start = (n_fft - length) // 2
        row[start : start + length] = hann * (2.0 / hann.sum())
    return windows


def _kernels(lengths: np.ndarray, radians: np.ndarray) -> Tensor:
    """Return cosines, then sines, under Hann windows of their own length, (samples, 2 x bands)."""
    half = int(np.ceil(lengths.max() / 2))
    time = np.arange(-half, half + 1)[:, None]
    window = np.where(np.abs(time) < lengths / 2, 0.5 + 0.5 * np.cos(2 * np.pi * time / lengths), 0)
    window *= 2.0 / window.sum(0)
    kernels = [window * np.cos(radians * time), window * np.sin(radians * time)]
    return torch.from_numpy(np.concatenate(kernels, axis=1)).float()

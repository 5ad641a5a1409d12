"""Power per band, by a short-time Fourier transform and a filter bank.

Power is relative to a full-scale sine for every window, so that channels compare and decibels are
re full scale. A frame is centred on its time; beyond the clip there is silence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from search_spaces.front_end.framing import framed, transform_size, window_samples
from search_spaces.scales import Scale, filter_bank

CHUNK = 2**18  # samples of windowed frames held at once on a CPU: what its caches hold
CHUNK_GPU = 2**27  # and on a GPU: about 1.5 GB with their transform, of any batch
SPARSE = 0.25  # a bank with fewer weights than that part of its size is summed weight by weight


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
        frames = framed(waveforms, self.n_fft, self.hop, self.n_fft // 2)
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
        frames = framed(waveforms, self.n_fft, self.hop, self.n_fft // 2)
        n_windows, (n_banks, n_bands, _) = len(self.windows), self.banks.shape
        found = waveforms.new_empty(len(frames), n_windows, n_banks, n_bands, frames.shape[1])
        n = max(1, CHUNK // self.n_fft)
        for clips, into in _split(frames, found, max(1, n // frames.shape[1]), 0, 0):
            for some, place in _split(clips, into, n, 1, 4):
                power = self._power_by_bin(some)
                for bank, sums in enumerate(self._sums):
                    bands = sums(power).view(n_bands, n_windows, len(some), -1)
                    place[:, :, bank] = bands.permute(2, 1, 0, 3)
        return found.flatten(1, 2)

    def _power_by_bin(self, frames: Tensor) -> Tensor:
        """Return powers (bins, windows x clips x frames) of frames (clips, frames, samples)."""
        n_windows, n_frames = len(self.windows), frames.shape[0] * frames.shape[1]
        power = frames.new_empty(self.n_fft // 2 + 1, n_windows, n_frames)
        for window, into in zip(self.windows, power.unbind(1), strict=True):
            spectra = torch.view_as_real(torch.fft.rfft(frames * window).flatten(0, 1)).square_()
            torch.add(spectra[..., 0].T, spectra[..., 1].T, out=into)
        return power.flatten(1)


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

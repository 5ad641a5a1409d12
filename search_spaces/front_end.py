"""The front end: waveforms in, images out, batched on the device."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from search_spaces.amplitude import Amplitude
from search_spaces.channels import Channels
from search_spaces.kinds import at_least, one_of
from search_spaces.scales import Scale, triangular_bank

__all__ = ["FrontEnd", "Image", "Spectrogram"]

MAX_N_FFT = 2**16


@dataclass(frozen=True)
class Spectrogram:
    """The short-time Fourier transform that all channels share."""

    hop_ms: float = 10.0
    n_fft: int | None = None  # null: the smallest power of two that holds the longest window

    def __post_init__(self) -> None:
        at_least(0.5, hop_ms=self.hop_ms)
        if self.n_fft is not None and not 16 <= self.n_fft <= MAX_N_FFT:
            raise ValueError(f"n_fft must be in [16, {MAX_N_FFT}], got n_fft={self.n_fft!r}")


@dataclass(frozen=True)
class Image:
    """What the backbone sees."""

    height: int | None = None  # pixels; null: one row a band
    width: int | None = None  # pixels; null: one column a frame
    normalize: str = "clip"  # clip: zero mean, unit variance per clip; band: by training statistics

    def __post_init__(self) -> None:
        for name, pixels in (("height", self.height), ("width", self.width)):
            if pixels is not None and not 8 <= pixels <= 1024:
                raise ValueError(f"{name} must be in [8, 1024] pixels, got {name}={pixels!r}")
        one_of(("clip", "band", "none"), normalize=self.normalize)


class FrontEnd(nn.Module):
    """Waveforms (clips, samples) to images (clips, channels, height, width), low frequency first.

    Power is relative to a full-scale sine for every window length, so that the channels compare
    and `Db` is in dB re full scale. Always computed in float32, also under autocast: log of a
    bfloat16 power has no dynamic range.

    Args:
        spectrogram: Hop and transform.
        channels: Window lengths.
        scale: Frequency scale.
        amplitude: Amplitude scale.
        image: Size and normalisation.
        sampling_rate: In Hz.

    Raises:
        ValueError: If a window does not fit the transform or `fmin` the sampling rate.
    """

    def __init__(
        self,
        spectrogram: Spectrogram,
        channels: Channels,
        scale: Scale,
        amplitude: Amplitude,
        image: Image,
        *,
        sampling_rate: int,
    ) -> None:
        super().__init__()
        lengths = [max(2, round(ms * sampling_rate / 1000)) for ms in channels.windows]
        self.n_fft = spectrogram.n_fft or 2 ** math.ceil(math.log2(max(lengths)))
        if max(lengths) > self.n_fft:
            raise ValueError(
                f"a window of {max(channels.windows):g} ms is {max(lengths)} samples at"
                f" {sampling_rate} Hz and does not fit n_fft={self.n_fft}"
            )
        self.hop = max(1, round(spectrogram.hop_ms * sampling_rate / 1000))
        self.amplitude = amplitude
        self.image = image
        self.n_channels = len(lengths)
        self.sampling_rate = sampling_rate
        self.register_buffer("windows", _windows(lengths, self.n_fft), persistent=False)
        bank = triangular_bank(scale, sampling_rate=sampling_rate, n_fft=self.n_fft)
        self.register_buffer("bank", bank, persistent=False)
        n_rows = bank.shape[0]
        # Training statistics per channel and band; only `normalize: band` reads them.
        self.register_buffer("mean", torch.zeros(self.n_channels, n_rows, 1))
        self.register_buffer("std", torch.ones(self.n_channels, n_rows, 1))

    windows: Tensor
    bank: Tensor
    mean: Tensor
    std: Tensor

    def power(self, waveforms: Tensor) -> Tensor:
        """Return the power spectrogram (clips, channels, bins, frames) of (clips, samples)."""
        spectra = [
            torch.stft(
                waveforms,
                self.n_fft,
                self.hop,
                window=window,
                center=True,
                pad_mode="constant",
                return_complex=True,
            )
            for window in self.windows
        ]
        return torch.stack([s.real.square() + s.imag.square() for s in spectra], dim=1)

    def bands(self, waveforms: Tensor) -> Tensor:
        """Return amplitudes per band (clips, channels, bands, frames) of (clips, samples)."""
        return self.amplitude.apply(self.bank @ self.power(waveforms))

    def forward(self, waveforms: Tensor) -> Tensor:
        """Return images of float32 waveforms; see the class."""
        with torch.autocast(waveforms.device.type, enabled=False):
            bands = self._normalize(self.bands(waveforms.float()))
            size = (self.image.height or bands.shape[-2], self.image.width or bands.shape[-1])
            if size == tuple(bands.shape[-2:]):
                return bands
            return F.interpolate(bands, size=size, mode="bilinear", antialias=True)

    def _normalize(self, bands: Tensor) -> Tensor:
        if self.image.normalize == "clip":
            std, mean = torch.std_mean(bands, dim=(1, 2, 3), keepdim=True)
            return (bands - mean) / std.clamp_min(1e-5)
        if self.image.normalize == "band":
            return (bands - self.mean) / self.std
        return bands

    @torch.no_grad()
    def fit(self, batches: list[Tensor]) -> None:
        """Take mean and standard deviation per channel and band from training waveforms.

        Args:
            batches: Waveforms (clips, samples); does nothing unless `normalize` is `band`.
        """
        if self.image.normalize != "band":
            return
        total = square = torch.zeros((), device=self.mean.device)
        n = 0
        for waveforms in batches:
            bands = self.bands(waveforms).double()
            total = total + bands.sum((0, 3))
            square = square + bands.square().sum((0, 3))
            n += bands.shape[0] * bands.shape[3]
        mean = total / n
        std = (square / n - mean.square()).clamp_min(0).sqrt().clamp_min(1e-3)
        self.mean.copy_(mean[..., None])
        self.std.copy_(std[..., None])


def _windows(lengths: list[int], n_fft: int) -> Tensor:
    """Return centred Hann windows, scaled so that a full-scale sine has power 1."""
    windows = torch.zeros(len(lengths), n_fft)
    for row, length in zip(windows, lengths, strict=True):
        hann = torch.hann_window(length, periodic=True)
        start = (n_fft - length) // 2
        row[start : start + length] = hann * (2.0 / hann.sum())
    return windows

"""The front end: waveforms in, images out, batched on the device."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from search_spaces.front_end.amplitude import Amplitude, amplitude_module
from search_spaces.front_end.channels import Channels, Deltas, Scales, Spectrum
from search_spaces.front_end.constant_q_bands import ConstantQBands
from search_spaces.front_end.deltas import with_deltas
from search_spaces.front_end.framing import MAX_N_FFT
from search_spaces.front_end.image import Image
from search_spaces.front_end.spectra import StftBands
from search_spaces.grammar.kinds import at_least, later, one_of
from search_spaces.scales import ConstantQ, Scale, centres_hz
from search_spaces.scales.common import Floats

__all__ = ["MAX_N_FFT", "FrontEnd", "Image", "Spectrogram"]


def _has_transform(chosen: Mapping[str, Any]) -> bool:
    return not isinstance(chosen.get("scale"), ConstantQ) or isinstance(
        chosen.get("channels"), Scales
    )


def _has_own_size(chosen: Mapping[str, Any]) -> bool:
    return chosen["n_fft"] is None and _has_transform(chosen)


@dataclass(frozen=True)
class Spectrogram:
    """The short-time Fourier transform that all channels share."""

    hop_ms: float = 10.0
    # null: the smallest power of two that holds the window; of several windows that share it the
    # smallest even product of 2, 3 and 5
    n_fft: int | None = field(default=None, metadata={"when": _has_transform})
    # of n_fft null, 1, 2, 4 or 8 times: narrow bands at short windows are then bands of their own
    padding: int = later(1, when=_has_own_size)

    def __post_init__(self) -> None:
        at_least(0.5, hop_ms=self.hop_ms)
        if self.hop_ms > 10_000:
            raise ValueError(f"hop_ms must be at most 10000, got hop_ms={self.hop_ms!r}")
        if self.n_fft is not None and not 16 <= self.n_fft <= MAX_N_FFT:
            raise ValueError(f"n_fft must be in [16, {MAX_N_FFT}], got n_fft={self.n_fft!r}")
        one_of((1, 2, 4, 8), padding=self.padding)


class FrontEnd(nn.Module):
    """Waveforms (clips, samples) to images (clips, channels, height, width), low frequency first.

    Power is relative to a full-scale sine for every window length, so that the channels compare
    and `Db` is in dB re full scale. Always computed in float32, also under autocast: log of a
    bfloat16 power has no dynamic range.

    Args:
        spectrogram: Hop and transform.
        channels: What the channels are.
        scale: Frequency scale.
        amplitude: Amplitude scale.
        image: Size and normalisation; `flip` and `transpose` act before the backbone, not here.
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
        self.hop = max(1, round(spectrogram.hop_ms * sampling_rate / 1000))
        self.channels = channels
        self.image = image
        self.n_channels = channels.n_channels
        self.sampling_rate = sampling_rate
        spectra = channels.spectra(scale)
        self.centres_hz = _centres(spectra, self.n_channels, sampling_rate)
        self.filters = nn.ModuleList(
            _filters(spectra, spectrogram, hop=self.hop, sampling_rate=sampling_rate)
        )
        self.amplitudes = nn.ModuleList(
            amplitude_module(
                kind,
                n_channels=len(spectra),
                n_bands=scale.n_bands,
                frames_per_s=sampling_rate / self.hop,
            )
            for kind in channels.amplitudes(amplitude)
        )
        # Training statistics per channel and band; only `normalize: band` reads them.
        self.register_buffer("mean", torch.zeros(self.n_channels, scale.n_bands, 1))
        self.register_buffer("std", torch.ones(self.n_channels, scale.n_bands, 1))

    centres_hz: Floats  # (channels, bands): the centre of every row of a channel, lowest first
    mean: Tensor
    std: Tensor

    def power(self, waveforms: Tensor) -> Tensor:
        """Return powers per band (clips, spectrograms, bands, frames) of (clips, samples)."""
        return _joined([filters(waveforms) for filters in self.filters])

    def bands(self, waveforms: Tensor) -> Tensor:
        """Return amplitudes per band (clips, channels, bands, frames) of (clips, samples)."""
        power = self.power(waveforms)
        bands = _joined([amplitude(power) for amplitude in self.amplitudes])
        if isinstance(self.channels, Deltas):
            return with_deltas(bands, width=self.channels.width)
        return bands

    def forward(self, waveforms: Tensor) -> Tensor:
        """Return images of float32 waveforms; see the class."""
        with torch.autocast(waveforms.device.type, enabled=False):
            images = self._normalize(self.bands(waveforms.float()))
            if self.image.contrast != 1:
                images = images * self.image.contrast
            return self.image.resized(images)

    def _normalize(self, bands: Tensor) -> Tensor:
        if self.image.normalize == "clip":
            return _standardized(bands, whole=self.channels.same_unit)
        if self.image.normalize == "band":
            return (bands - self.mean) / self.std
        return bands

    @torch.no_grad()
    def fit(self, batches: Iterable[Tensor]) -> None:
        """Take mean and standard deviation per channel and band from training waveforms.

        Args:
            batches: Waveforms (clips, samples), gone through once and held one at a time; left
                alone unless `normalize` is `band`.
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
        std = (square / n - mean.square()).clamp_min(0).sqrt()
        std = _above_rounding(std, (square / n).sqrt())
        self.mean.copy_(mean[..., None])
        self.std.copy_(std[..., None])


def _joined(parts: list[Tensor]) -> Tensor:
    return parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)


def _standardized(bands: Tensor, *, whole: bool) -> Tensor:
    """Return bands of zero mean and unit variance per clip, as a whole or channel by channel."""
    clips, channels, rows, columns = bands.shape
    flat = bands.reshape(clips, 1 if whole else channels, -1)
    centred = flat - flat.mean(-1, keepdim=True)
    # The norm of what is centred: exact, and many times as fast on a CPU as `torch.std_mean`.
    n = max(1, flat.shape[-1] - 1)
    std = torch.linalg.vector_norm(centred, dim=-1, keepdim=True) / n**0.5
    largest = torch.maximum(flat.amax(-1, keepdim=True), -flat.amin(-1, keepdim=True))
    images: Tensor = centred / _above_rounding(std, largest)
    return images.reshape(clips, channels, rows, columns)


def _above_rounding(std: Tensor, size: Tensor) -> Tensor:
    """Return standard deviations that are no rounding errors of values of that size.

    Relative to it, since powers are as small as 1e-9; what is equal everywhere becomes 0.
    """
    return torch.maximum(std, 1e-5 * size).clamp_min(1e-20)


def _centres(spectra: Sequence[Spectrum], n_channels: int, sampling_rate: int) -> Floats:
    """Return the bands' centres (channels, bands) in Hz."""
    centres = np.stack([centres_hz(scale, sampling_rate) for _, scale in spectra])
    return np.broadcast_to(centres, (n_channels, centres.shape[1]))


def _filters(
    spectra: Sequence[Spectrum], spectrogram: Spectrogram, *, hop: int, sampling_rate: int
) -> list[nn.Module]:
    """Return as few modules as give the spectrograms in their order."""
    modules: list[nn.Module] = []
    for _, run in groupby(spectra, key=lambda pair: isinstance(pair[1], ConstantQ)):
        windows, scales = zip(*run, strict=True)
        for window, scale in zip(windows, scales, strict=True):
            if isinstance(scale, ConstantQ):
                modules.append(ConstantQBands(window, scale, hop=hop, sampling_rate=sampling_rate))
        if isinstance(scales[0], ConstantQ):
            continue
        same_scale = len(set(scales)) == 1  # channels differ in their windows or in their scales
        stft = StftBands(
            windows if same_scale else windows[:1], scales[:1] if same_scale else scales,
            n_fft=spectrogram.n_fft, padding=spectrogram.padding, hop=hop,
            sampling_rate=sampling_rate,
        )  # fmt: skip
        modules.append(stft)
    return modules

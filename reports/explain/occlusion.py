"""Waveforms without a band: removed, or replaced by noise of equal energy."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Generator, Tensor

RAMP = 0.1  # of the narrower of two neighbours: half of what they cross over in
ROOM_S = 0.25  # seconds of zeros behind a window, so that a filter's ringing does not wrap around


def band_gains(edges_hz: Sequence[float], *, n_fft: int, sampling_rate: int) -> Tensor:
    """Return the gain of each band, (bands, n_fft // 2 + 1); they sum to 1 at each frequency.

    Neighbours cross over in a raised cosine around their edge, over a fifth of the narrower one's
    width: a steeper filter would ring for longer.

    Args:
        edges_hz: Rising, (bands + 1,).
        n_fft: Samples of the transform.
        sampling_rate: Hz.
    """
    edges = torch.tensor(edges_hz, dtype=torch.float64)
    hz = torch.arange(n_fft // 2 + 1, dtype=torch.float64) * (sampling_rate / n_fft)
    widths = edges.diff()
    half = RAMP * torch.minimum(widths[1:], widths[:-1])
    rise = ((hz[None] - edges[1:-1, None]) / half[:, None]).clamp(-1, 1)
    above = (1 + torch.sin(rise * math.pi / 2)) / 2  # (inner edges, bins)
    ones, zeros = torch.ones_like(hz)[None], torch.zeros_like(hz)[None]
    return (torch.cat([ones, above]) - torch.cat([above, zeros])).float()


class BandFilter:
    """Takes bands of an axis out of windows.

    Args:
        edges_hz: Of the axis, (bands + 1,).
        n_samples: Length of a window.
        sampling_rate: Hz.
        device: Where the windows lie.
    """

    def __init__(
        self,
        edges_hz: Sequence[float],
        *,
        n_samples: int,
        sampling_rate: int,
        device: torch.device,
    ) -> None:
        self.n_samples = n_samples
        least = n_samples + round(ROOM_S * sampling_rate)
        self.n_fft = 2 ** math.ceil(math.log2(least))
        gains = band_gains(edges_hz, n_fft=self.n_fft, sampling_rate=sampling_rate)
        self.gains = gains.to(device)
        self.n_bands = len(gains)

    def spectra(self, waves: Tensor) -> Tensor:
        """Return spectra (windows, bins) of windows (windows, samples)."""
        spectra: Tensor = torch.fft.rfft(waves, self.n_fft)
        return spectra

    def energies(self, spectra: Tensor) -> Tensor:
        """Return the energy of each band, (windows, bands), the sum of squared samples of it."""
        power = (spectra.real.square() + spectra.imag.square()) * (2.0 / self.n_fft)
        energies: Tensor = power @ self.gains.square().T
        return energies

    def without(self, spectra: Tensor, kept: Tensor) -> Tensor:
        """Return windows (windows, samples) whose bands are weighted.

        Args:
            spectra: Of the windows, (windows, bins).
            kept: 1 for a band that stays, 0 for one that goes, (bands,) or (windows, bands).
        """
        return self._waves(spectra * (kept @ self.gains))

    def with_noise(
        self, spectra: Tensor, band: int, *, sounding: Tensor, generator: Generator
    ) -> Tensor:
        """Return windows (windows, samples) one band of which is noise of the same energy.

        The noise is Gaussian and steady: the band's level stays, all that changes in it goes.

        Args:
            spectra: Of the windows, (windows, bins).
            band: Which.
            sounding: Where noise may be, as `sounding` returns it.
            generator: On the windows' device.
        """
        gain = self.gains[band]
        taken = self._waves(spectra * gain)
        shape = (len(spectra), self.n_samples)
        white = torch.randn(shape, generator=generator, device=spectra.device) * sounding
        noise = self._waves(self.spectra(white) * gain)
        level = taken.square().sum(1) / noise.square().sum(1).clamp_min(1e-30)
        return self._waves(spectra) - taken + noise * level.sqrt()[:, None]

    def _waves(self, spectra: Tensor) -> Tensor:
        waves: Tensor = torch.fft.irfft(spectra, self.n_fft)[:, : self.n_samples]
        return waves


def sounding(waves: Tensor) -> Tensor:
    """Return where windows (windows, samples) sound: False in the zeros that fill short clips."""
    here = waves != 0
    begun, unfinished = here.cummax(1).values, here.flip(1).cummax(1).values.flip(1)
    return begun & unfinished

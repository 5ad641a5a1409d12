"""Bands taken out of waveforms, judged by SciPy's spectra."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import signal

from reports.explain.axes import frequency_axes
from reports.explain.occlusion import BandFilter, band_gains, sounding

RATE, N = 16_000, 12_000


@pytest.fixture(params=[0, 1], ids=["third octaves", "linear"])
def axis(request):
    return frequency_axes(RATE)[request.param]


@pytest.fixture
def bands(axis):
    return BandFilter(
        axis.edges_hz, n_samples=N, sampling_rate=RATE, device=torch.device("cpu")
    )  # fmt: skip


def sines(hz) -> torch.Tensor:
    time = np.arange(N) / RATE
    return torch.tensor(np.sin(2 * np.pi * np.outer(hz, time)), dtype=torch.float32)


def inner(waves: torch.Tensor) -> torch.Tensor:
    return waves[:, N // 4 : -N // 4]  # away from the ends of a sine that begins at once


def test_gains_sum_to_one_at_every_frequency(axis):
    gains = band_gains(axis.edges_hz, n_fft=16384, sampling_rate=RATE)
    torch.testing.assert_close(gains.sum(0), torch.ones(8193))
    assert gains.min() > -1e-6


def test_the_bands_together_are_the_waveform(bands):
    waves = torch.randn(2, N, generator=torch.Generator().manual_seed(0))
    spectra = bands.spectra(waves)
    torch.testing.assert_close(bands.without(spectra, torch.ones(bands.n_bands)), waves)
    silence = bands.without(spectra, torch.zeros(bands.n_bands))
    assert silence.abs().max() < 1e-6
    parts = sum(bands.without(spectra, row) for row in torch.eye(bands.n_bands))
    torch.testing.assert_close(parts, waves, rtol=1e-4, atol=1e-4)


def test_removing_a_band_takes_its_middle_and_leaves_the_others(bands, axis):
    low, high = np.array(axis.edges_hz[:-1]), np.array(axis.edges_hz[1:])
    middles = np.maximum((low + high) / 2, 50)
    waves = sines(middles)
    spectra = bands.spectra(waves)
    before = inner(waves).square().mean(1)
    for band, kept in enumerate(1 - torch.eye(bands.n_bands)):
        left = inner(bands.without(spectra, kept)).square().mean(1) / before
        db = 10 * np.log10(left.numpy() + 1e-12)
        assert db[band] < -40
        assert np.abs(np.delete(db, band)).max() < 0.1


def test_noise_has_the_energy_of_what_it_replaces_and_its_frequencies(bands, axis):
    generator = torch.Generator().manual_seed(0)
    waves = torch.randn(3, N, generator=generator)
    spectra, here = bands.spectra(waves), sounding(waves)
    for band in range(0, bands.n_bands, 5):
        kept = 1 - torch.eye(bands.n_bands)[band]
        rest = bands.without(spectra, kept)
        taken = waves - rest
        noise = bands.with_noise(spectra, band, sounding=here, generator=generator) - rest
        torch.testing.assert_close(noise.square().sum(1), taken.square().sum(1), rtol=1e-3, atol=0)
        correlation = (noise * taken).sum(1) / taken.square().sum(1)
        assert correlation.abs().max() < 0.5  # other noise, not the band again
        hz, power = signal.welch(noise.numpy(), RATE, nperseg=4096)
        low, high = axis.edges_hz[band : band + 2]
        width = high - low
        inside = (hz >= low - width / 4 - 4) & (hz <= high + width / 4 + 4)
        assert power[:, inside].sum() > 0.98 * power.sum()


def test_silence_stays_silence_and_padding_is_not_filled(bands):
    waves = torch.zeros(2, N)
    waves[1, 2000:6000] = torch.randn(4000, generator=torch.Generator().manual_seed(0))
    here = sounding(waves)
    assert here.sum(1).tolist() == [0, 4000]
    generator = torch.Generator().manual_seed(1)
    heard = bands.with_noise(
        bands.spectra(waves), bands.n_bands - 2, sounding=here, generator=generator
    )
    assert heard[0].abs().max() == 0
    assert heard[1, 9000:].abs().max() < 1e-2 * heard[1].abs().max()


def test_energies_are_those_of_the_filtered_waves(bands):
    waves = torch.randn(2, N, generator=torch.Generator().manual_seed(0))
    spectra = bands.spectra(waves)
    rows = torch.eye(bands.n_bands)
    expected = torch.stack([bands.without(spectra, row).square().sum(1) for row in rows], dim=1)
    found = bands.energies(spectra)
    # What rings behind the window counts in the spectrum and not in the window.
    torch.testing.assert_close(found, expected, rtol=0.05, atol=1e-3)

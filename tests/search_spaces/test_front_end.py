"""Front ends, judged by torchaudio, librosa and sines."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torchaudio

from search_spaces.amplitude import Db, Log1p, Root
from search_spaces.channels import Mono, Windows
from search_spaces.front_end import FrontEnd, Image, Spectrogram
from search_spaces.scales import SCALES, Linear, Log, Mel, band_edges, triangular_bank

RATE = 16_000
RAW = Image(normalize="none")
POWER = Root(exponent=1.0)


def front_end(channels=None, scale=None, amplitude=POWER, image=RAW, rate=RATE, **spectrogram):
    return FrontEnd(
        Spectrogram(**spectrogram),
        channels or Mono(),
        scale or Linear(),
        amplitude,
        image,
        sampling_rate=rate,
    )


def sine(hz: float, *, rate: int = RATE, seconds: float = 1.0) -> torch.Tensor:
    return torch.sin(2 * math.pi * hz * torch.arange(round(rate * seconds)) / rate)[None]


def test_power_spectrogram_equals_torchaudio_up_to_the_window_scale():
    waves = torch.randn(2, RATE, generator=torch.Generator().manual_seed(0))
    ours = front_end(Mono(25.0)).filters[0].power(waves)[:, 0]
    theirs = torchaudio.transforms.Spectrogram(
        n_fft=512, win_length=400, hop_length=160, power=2.0, pad_mode="constant"
    )(waves)
    scale = (2 / torch.hann_window(400).sum()) ** 2
    torch.testing.assert_close(ours, theirs * scale, rtol=1e-4, atol=1e-9)


def test_a_full_scale_sine_has_power_one_in_every_window_length():
    power = front_end(Windows((8.0, 16.0, 32.0))).filters[0].power(sine(2000.0))
    torch.testing.assert_close(power[0, :, :, 50].amax(1), torch.ones(3), rtol=1e-3, atol=0)


def test_mel_bank_follows_torchaudio_where_its_triangles_are_wider_than_a_bin():
    ours = triangular_bank(Mel(n_bands=40, fmin=0), sampling_rate=RATE, n_fft=2048)
    theirs = torchaudio.functional.melscale_fbanks(
        n_freqs=1025, f_min=0, f_max=RATE / 2, n_mels=40, sample_rate=RATE, mel_scale="htk"
    ).T
    theirs = theirs / theirs.sum(1, keepdim=True)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=2e-3)


def test_linear_bank_bands_are_equally_wide():
    edges = band_edges(Linear(n_bands=100, fmin=0), RATE)
    np.testing.assert_allclose(np.diff(edges), RATE / 2 / 101)


@pytest.mark.parametrize("name", sorted(SCALES.kinds))
@pytest.mark.parametrize("n_bands", [1, 24, 128, 300])
@pytest.mark.parametrize("n_fft", [128, 512, 2048])
@pytest.mark.parametrize("rate", [8000, 16_000, 44_100])
def test_no_band_is_empty_and_each_sums_to_one(name, n_bands, n_fft, rate):
    bank = triangular_bank(
        SCALES.build(name, {"n_bands": n_bands}), sampling_rate=rate, n_fft=n_fft
    )
    assert bank.shape == (n_bands, n_fft // 2 + 1)
    torch.testing.assert_close(bank.sum(1), torch.ones(n_bands))
    assert bool((bank >= 0).all())


@pytest.mark.parametrize("scale", [Linear(64), Mel(64), Log(64, fmin=80)])
def test_a_sine_lands_in_the_band_whose_centre_it_is(scale):
    front = front_end(Mono(64.0), scale)
    centres = band_edges(scale, RATE)[1:-1]
    for band in (20, 35, 50, 63):
        bands = front.bands(sine(float(centres[band])))[0, 0, :, 50]
        assert int(bands.argmax()) == band


@pytest.mark.parametrize("scale", [Linear(), Log(), Mel()])
def test_warping_there_and_back_is_the_identity(scale):
    hz = np.array([60.0, 440.0, 7900.0])
    np.testing.assert_allclose(scale.unwarp(scale.warp(hz)), hz)


def test_decibels_are_re_a_full_scale_sine_and_cut_at_the_floor():
    bands = Db(floor_db=-60).apply(torch.tensor([1.0, 0.01, 1e-9, 0.0]))
    torch.testing.assert_close(bands, torch.tensor([0.0, -20.0, -60.0, -60.0]))


def test_log1p_and_root_are_their_formulas():
    power = torch.tensor([0.0, 0.5, 2.0])
    torch.testing.assert_close(Log1p(gain=10.0).apply(power), torch.log(1 + 10 * power))
    torch.testing.assert_close(Root(exponent=0.5).apply(power), power.sqrt())


def test_three_windows_give_three_channels_on_one_grid():
    images = front_end(Windows((8.0, 16.0, 32.0)), Linear(48))(torch.randn(2, RATE))
    assert images.shape == (2, 3, 48, 101)


def test_images_are_resized_when_a_size_is_asked_for():
    images = front_end(image=Image(height=40, width=56))(torch.randn(1, RATE))
    assert images.shape == (1, 1, 40, 56)


def test_clip_normalisation_gives_zero_mean_and_unit_variance():
    images = front_end(amplitude=Db(), image=Image(normalize="clip"))(torch.randn(3, RATE))
    torch.testing.assert_close(images.mean((1, 2, 3)), torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(images.std((1, 2, 3)), torch.ones(3), atol=1e-3, rtol=0)


def test_band_normalisation_takes_its_statistics_from_training():
    front = front_end(amplitude=Db(), image=Image(normalize="band"))
    waves = torch.randn(8, RATE)
    front.fit([waves[:3], waves[3:]])
    images = front(waves)
    bands = images.shape[2]
    torch.testing.assert_close(images.mean((0, 1, 3)), torch.zeros(bands), atol=1e-4, rtol=0)
    torch.testing.assert_close(images.std((0, 1, 3)), torch.ones(bands), atol=5e-2, rtol=0)


@pytest.mark.parametrize("normalize", ["clip", "band", "none"])
def test_silence_gives_finite_images(normalize):
    front = front_end(amplitude=Db(), image=Image(normalize=normalize))
    assert bool(front(torch.zeros(2, RATE)).isfinite().all())


def test_batched_equals_one_by_one():
    front = front_end(Windows(), Mel(), Db(), Image(height=64, width=64))
    waves = torch.randn(4, RATE)
    single = torch.cat([front(wave[None]) for wave in waves])
    torch.testing.assert_close(front(waves), single, rtol=1e-4, atol=1e-4)


def test_a_window_that_does_not_fit_the_transform_is_refused_with_its_length():
    with pytest.raises(ValueError, match=r"64 ms is 1024 samples at 16000 Hz .* n_fft=512"):
        front_end(Mono(64.0), n_fft=512)


def test_a_lowest_frequency_above_half_the_rate_is_refused():
    with pytest.raises(ValueError, match="fmin must be below 4000 Hz"):
        front_end(scale=Mel(fmin=5000), rate=8000)

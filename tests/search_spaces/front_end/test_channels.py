"""Channels: derivatives judged by librosa and scipy, three amplitudes and three scales by one."""

from __future__ import annotations

import librosa
import numpy as np
import pytest
import scipy.signal
import torch

from search_spaces.front_end.amplitude import AMPLITUDES, Db, Log1p, Pcen, Power, Root
from search_spaces.front_end.channels import CHANNELS, Amplitudes, Deltas, Mono, Scales, Windows
from search_spaces.front_end.deltas import delta_kernels, with_deltas
from search_spaces.front_end.front_end import FrontEnd, Image, Spectrogram
from search_spaces.scales import SCALES, ConstantQ, Linear, Log, Mel, centres_hz

RATE = 16_000
WAVES = torch.randn(3, RATE, generator=torch.Generator().manual_seed(0)) / 10


def bands(channels, scale, amplitude):
    """Return amplitudes (clips, channels, bands, frames) of some noise."""
    front = FrontEnd(
        Spectrogram(), channels, scale, amplitude, Image(normalize="none"), sampling_rate=RATE
    )
    return front(WAVES)


@pytest.mark.parametrize("width", [3, 5, 9, 21])
def test_delta_weights_are_those_of_savitzky_and_golay(width):
    theirs = [scipy.signal.savgol_coeffs(width, order, order, use="dot") for order in (1, 2)]
    np.testing.assert_allclose(delta_kernels(width).numpy(), theirs, rtol=0, atol=1e-12)


@pytest.mark.parametrize("frames", [1, 2, 9, 101, 763])
def test_deltas_are_librosas(frames):
    static = torch.randn(2, 1, 4, frames, dtype=torch.float64)
    found = with_deltas(static, width=9)
    torch.testing.assert_close(found[:, :1], static)
    for order in (1, 2):
        theirs = librosa.feature.delta(static[:, 0].numpy(), width=9, order=order, mode="nearest")
        np.testing.assert_allclose(found[:, order], theirs, rtol=0, atol=1e-12)


def test_deltas_of_what_is_constant_are_nothing():
    found = with_deltas(torch.full((1, 1, 4, 300), -83.7), width=9)
    assert float(found[:, 1:].abs().max()) < 1e-12


def test_the_front_end_gives_static_delta_and_delta_delta_channels():
    found = bands(Deltas(width=5), Mel(), Db())
    static = bands(Mono(), Mel(), Db())
    torch.testing.assert_close(found, with_deltas(static, width=5))


def test_three_windows_are_three_single_ones_on_one_transform():
    found = bands(Windows((8.0, 16.0, 32.0)), Linear(48), Power())
    for channel, window in enumerate((8.0, 16.0, 32.0)):
        front = FrontEnd(
            Spectrogram(n_fft=512), Mono(window), Linear(48), Power(), Image(normalize="none"),
            sampling_rate=RATE,
        )  # fmt: skip
        torch.testing.assert_close(found[:, channel], front(WAVES)[:, 0])


def test_three_amplitudes_are_the_trials_own_and_two_others():
    own = Log1p(gain=50.0)
    found = bands(Amplitudes(), Mel(), own)
    for channel, amplitude in enumerate((own, Db(), Root())):
        torch.testing.assert_close(found[:, channel], bands(Mono(), Mel(), amplitude)[:, 0])
    assert Amplitudes().amplitudes(Pcen()) == (Pcen(), Db(), Log1p())


@pytest.mark.parametrize("own", [Log(40, fmin=100.0), ConstantQ(40), Linear(40)])
def test_three_scales_are_the_trials_own_and_two_others(own):
    channels = Scales()
    found = bands(channels, own, Db())
    scales = [scale for _, scale in channels.spectra(own)]
    assert scales[0] == own
    assert len({type(scale) for scale in scales}) == 3
    for channel, scale in enumerate(scales):
        torch.testing.assert_close(
            found[:, channel], bands(Mono(), scale, Db())[:, 0], rtol=1e-4, atol=1e-3
        )


def test_other_scales_keep_the_limits_of_the_trials_own():
    scales = [scale for _, scale in Scales().spectra(Mel(30, fmin=200.0, fmax=3000.0))]
    assert [(s.n_bands, s.fmin, s.fmax) for s in scales] == [(30, 200.0, 3000.0)] * 3


def test_every_row_knows_its_frequency():
    front = FrontEnd(Spectrogram(), Scales(), Mel(), Db(), Image(), sampling_rate=RATE)
    assert front.centres_hz.shape == (3, 64)
    np.testing.assert_array_equal(front.centres_hz[0], centres_hz(Mel(), RATE))
    np.testing.assert_array_equal(front.centres_hz[1], centres_hz(Linear(64, fmin=20), RATE))


@pytest.mark.parametrize("channels", sorted(CHANNELS.kinds))
@pytest.mark.parametrize("scale", sorted(SCALES.kinds))
@pytest.mark.parametrize("amplitude", ["db", "pcen"])
def test_every_combination_gives_finite_standardised_images(channels, scale, amplitude):
    kind = CHANNELS.kinds[channels]()
    front = FrontEnd(
        Spectrogram(hop_ms=20), kind, SCALES.kinds[scale](n_bands=24),
        AMPLITUDES.kinds[amplitude](), Image(), sampling_rate=8000,
    )  # fmt: skip
    images = front(torch.cat([WAVES, torch.zeros(1, RATE)]))
    assert images.shape == (4, kind.n_channels, 24, 101)
    assert bool(images.isfinite().all())
    axes = (1, 2, 3) if kind.same_unit else (2, 3)
    spread = images[:3].std(axes)
    torch.testing.assert_close(spread, torch.ones_like(spread), rtol=1e-3, atol=0)


@pytest.mark.parametrize(
    ("kind", "rule"),
    [
        (lambda: Deltas(width=4), r"width must be odd and in \[3, 99\], got width=4"),
        (lambda: Amplitudes(others=("db", "db", "root")), "three different names"),
        (lambda: Scales(others=("mel", "linear")), "at least three different names"),
        (lambda: Scales(others=("mel", "linear", "melt")), "others must be one of linear, log"),
        (lambda: Windows((8.0, 16.0)), "windows_ms must be three lengths"),
    ],
)
def test_values_outside_the_rules_are_refused(kind, rule):
    with pytest.raises(ValueError, match=rule):
        kind()

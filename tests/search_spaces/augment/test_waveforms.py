"""Augmentations of waveforms: what they do to a signal whose properties are known."""

from __future__ import annotations

import math

import pytest
import torch

from search_spaces.augment import (
    Background,
    BandStop,
    Equalizer,
    Gain,
    Noise,
    Polarity,
    Reverb,
    Shift,
    Speed,
)
from search_spaces.augment.filters import apply_gain, stop_db
from search_spaces.augment.resampling import _at_once, _filters, _one_by_one, play
from search_spaces.fourier import fast_length, frequencies

RATE = 8000
LEVELS = torch.tensor([1.0, 0.1, 3.0, 0.5, 0.01, 1.0])[:, None]


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def waves(n: int = 6) -> torch.Tensor:
    return torch.randn(n, RATE, generator=generator(1))


def sine(hz: float) -> torch.Tensor:
    return torch.sin(2 * math.pi * hz * torch.arange(RATE) / RATE)


def on_waves(augmentation, x, seed=0):
    return augmentation.waveforms(x, sampling_rate=RATE, generator=generator(seed))


def gains_db(augmentation, n: int = 30) -> torch.Tensor:
    """The gain of a filter at 0, 1, ... Hz, shape (n, RATE / 2 + 1), from an impulse."""
    impulse = torch.zeros(n, RATE)
    impulse[:, RATE // 2] = 1.0
    return 20 * torch.log10(torch.fft.rfft(on_waves(augmentation, impulse)).abs())


def pitch(x: torch.Tensor) -> torch.Tensor:
    """Frequency in Hz of the strongest component of each row, to a tenth of a Hz."""
    window = torch.hann_window(x.shape[1])
    spectrum = torch.fft.rfft(x * window, n=10 * RATE).abs()
    return spectrum.argmax(1) / 10


@pytest.mark.parametrize("color", ["white", "pink", "brown", "blue", "violet", "random"])
def test_noise_has_the_signal_to_noise_ratio_asked_for_in_every_clip(color):
    x = waves() * LEVELS
    made = Noise(p=1.0, min_snr_db=12, max_snr_db=12, color=color)
    added = on_waves(made, x) - x
    snr = 10 * torch.log10(x.square().mean(1) / added.square().mean(1))
    torch.testing.assert_close(snr, torch.full((6,), 12.0), atol=0.1, rtol=0)


@pytest.mark.parametrize(
    ("color", "slope"),
    [("white", 0), ("pink", -3.01), ("brown", -6.02), ("blue", 3.01), ("violet", 6.02)],
)
def test_the_colour_of_noise_is_its_slope_in_db_per_octave(color, slope):
    x = torch.ones(40, RATE) * 1e-3
    noise = on_waves(Noise(p=1.0, min_snr_db=0, max_snr_db=0, color=color), x) - x
    density = torch.fft.rfft(noise).abs().square().mean(0)
    db = torch.stack(
        [10 * torch.log10(density[low : 2 * low].mean()) for low in (100, 200, 400, 800, 1600)]
    )
    assert float(db.diff().mean()) == pytest.approx(slope, abs=0.25)


def test_background_is_another_clip_at_the_ratio_asked_for():
    x = waves() * LEVELS
    added = on_waves(Background(p=1.0, min_snr_db=7, max_snr_db=7), x) - x
    snr = 10 * torch.log10(x.square().mean(1) / added.square().mean(1))
    torch.testing.assert_close(snr, torch.full((6,), 7.0), atol=0.1, rtol=0)
    alike = torch.corrcoef(torch.cat([added, x]))[:6, 6:]
    assert bool((alike.diagonal() < 0.1).all())
    assert alike.argmax(1).unique().numel() == 6
    assert bool((alike.max(1).values > 0.99).all())


def test_gain_stays_within_its_bound():
    db = 20 * torch.log10(on_waves(Gain(p=1.0, max_db=6), waves()).std(1) / waves().std(1))
    assert bool((db.abs() <= 6.001).all())
    assert float(db.std()) > 0.5


def test_polarity_turns_some_clips_upside_down():
    x = waves(20)
    signs = (on_waves(Polarity(p=0.5), x) / x).mean(1)
    assert sorted(set(signs.tolist())) == [-1.0, 1.0]


def test_shift_rotates_within_its_bound():
    x = torch.zeros(50, RATE)
    x[:, 4000] = 1.0
    found = on_waves(Shift(p=1.0, max_ms=50), x).argmax(1) - 4000
    assert int(found.abs().max()) <= 400
    assert len(found.unique()) > 20


def test_speed_moves_the_pitch_of_a_sine_by_the_factor_drawn():
    factor = torch.tensor([0.8, 0.93, 1.0, 1.07, 1.2])
    found = pitch(play(sine(1000).repeat(5, 1), 100 * (factor - 1)))
    torch.testing.assert_close(found, 1000 * factor, atol=0.5, rtol=0)
    drawn = pitch(on_waves(Speed(p=1.0, max_percent=10), sine(1000).repeat(20, 1)))
    assert bool(((drawn >= 899.5) & (drawn <= 1100.5)).all())
    assert float(drawn.std()) > 20


@pytest.mark.parametrize("hz", [300, 1500, 3000, 3600])
@pytest.mark.parametrize("factor", [0.9, 0.98, 1.07])
def test_speed_keeps_the_level_of_a_sine_and_adds_no_other(hz, factor):
    found = play(sine(hz)[None], torch.tensor([100 * (factor - 1)]))[0]
    power = torch.fft.rfft(found * torch.hann_window(RATE)).abs().square()
    whole = torch.fft.rfft(sine(hz) * torch.hann_window(RATE)).abs().square().sum()
    tone = power[round(hz * factor) - 4 : round(hz * factor) + 5].sum()
    assert 10 * math.log10(tone / whole) == pytest.approx(0, abs=0.5)
    assert float((power.sum() - tone) / tone) < 1e-3


def test_speed_leaves_out_what_would_come_to_lie_above_half_the_rate():
    faster = play(sine(3900)[None], torch.tensor([10.0]))[0]
    assert float(faster.std() / sine(3900).std()) < 0.05


def test_clips_are_played_at_once_as_they_are_one_by_one():
    filters = _filters(RATE, 20, torch.device("cpu"))
    mirrored, which = waves(41)[:, filters.mirrored], torch.arange(41)
    torch.testing.assert_close(
        _at_once(mirrored, which, filters), _one_by_one(mirrored, which, filters)
    )


@pytest.mark.parametrize("n", [1, 2, 3, 50, 99, 100, 101, 801])
def test_clips_of_any_length_are_played_at_any_speed_and_a_constant_stays(n):
    for percent in (-99, -50, -1, 0, 50, 99):
        found = play(torch.ones(1, n), torch.tensor([float(percent)]), most=99)
        torch.testing.assert_close(found, torch.ones(1, n), rtol=0, atol=0.02)


def test_speed_keeps_the_middle_of_a_clip_where_it_is():
    x = torch.zeros(5, 801)
    x[:, 400] = 1.0
    found = play(x, torch.tensor([-20.0, -7.0, 0.0, 9.0, 20.0]))
    assert bool(((found.argmax(1) - 400).abs() <= 1).all())


def test_speed_keeps_the_spectrum_of_noise():
    x = waves(40)
    found = play(x, torch.full((40,), 3.0))
    for low in range(0, 4000, 500):
        bins = slice(low, low + 500)
        power = [torch.fft.rfft(y).abs().square()[:, bins].mean() for y in (x, found)]
        assert 10 * math.log10(power[1] / power[0]) == pytest.approx(-0.3, abs=0.5), low


def test_a_stopped_band_takes_its_depth_from_sines_within_and_nothing_from_those_outside():
    length = fast_length(RATE + 400)
    hz = frequencies(length, RATE, torch.zeros(1))
    low, high = torch.tensor([1000.0]), torch.tensor([2000.0])
    middle = slice(RATE // 4, 3 * RATE // 4)  # away from where the sine begins and ends
    for tone, expected in ((1500, 30), (1060, 30), (1940, 30), (950, 0), (2050, 0), (300, 0)):
        x = sine(tone)[None]
        found = apply_gain(x, stop_db(hz, low, high, 30.0), length)
        lost = 20 * torch.log10(x[0, middle].std() / found[0, middle].std())
        assert float(lost) == pytest.approx(expected, abs=0.5 if expected else 0.05), tone


def test_one_band_is_stopped_in_each_clip_at_full_depth_and_no_wider_than_asked():
    db = gains_db(BandStop(p=1.0, max_fraction=0.2, depth_db=40), n=60)
    stopped = (db < -1).sum(1)  # bins of 1 Hz
    assert int(stopped.max()) <= 800
    assert float(db[stopped > 200].min(1).values.max()) == pytest.approx(-40, abs=2)
    assert float(db.max()) < 0.5
    assert (db < -1).any(0).float().mean() > 0.9  # every frequency is stopped in some clip


def test_the_equaliser_is_smooth_and_stays_within_its_bound():
    db = gains_db(Equalizer(p=1.0, max_db=6, n_points=5))
    assert float(db.abs().max()) < 6.2
    assert float(db.std(0).min()) > 1.5  # every frequency is changed
    assert float(db[:, 100:].diff(dim=1).abs().max()) < 0.15  # dB per Hz


def test_reverberation_decays_as_long_as_asked_at_the_ratio_asked_for():
    impulse = torch.zeros(40, RATE)
    impulse[:, 0] = 1.0
    made = Reverb(p=1.0, min_rt60=0.4, max_rt60=0.4, min_drr_db=3, max_drr_db=3)
    heard = on_waves(made, impulse).square().mean(0)
    drr = 10 * torch.log10(heard[0] / heard[1:].sum())
    assert float(drr) == pytest.approx(3, abs=0.1)
    decay = 10 * torch.log10(heard[1:].flip(0).cumsum(0).flip(0))  # Schroeder's integral
    falls = (decay[0] - decay < 5).sum(), (decay[0] - decay < 25).sum()
    rt60 = 3 * float(falls[1] - falls[0]) / RATE
    assert rt60 == pytest.approx(0.4, rel=0.1)


def test_reverberation_keeps_the_power_of_a_clip_and_comes_after_the_direct_sound():
    x = waves() * LEVELS
    found = on_waves(Reverb(p=1.0), x)
    torch.testing.assert_close(found.square().mean(1), x.square().mean(1), rtol=1e-3, atol=0)
    late = torch.zeros(4, RATE)
    late[:, RATE // 2] = 1.0
    heard = on_waves(Reverb(p=1.0), late)
    assert float(heard[:, : RATE // 2].abs().max()) < 1e-4
    assert bool((heard.argmax(1) == RATE // 2).all())

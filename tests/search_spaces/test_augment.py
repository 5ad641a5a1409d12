"""Augmentations: what they do to a signal whose properties are known."""

from __future__ import annotations

import math

import pytest
import torch

from search_spaces.augment import (
    AUGMENTATIONS,
    FrequencyMask,
    Gain,
    ImageAugmentation,
    MixAugmentation,
    Mixup,
    Noise,
    Shift,
    Speed,
    TimeMask,
    WaveformAugmentation,
)

RATE = 8000


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def waves(n: int = 6) -> torch.Tensor:
    return torch.randn(n, RATE, generator=generator(1))


def on_waves(augmentation, x, seed=0):
    return augmentation.waveforms(x, sampling_rate=RATE, generator=generator(seed))


@pytest.mark.parametrize("name", sorted(AUGMENTATIONS))
def test_each_acts_in_exactly_one_place(name):
    made = AUGMENTATIONS[name]()
    places = (WaveformAugmentation, ImageAugmentation, MixAugmentation)
    assert sum(isinstance(made, place) for place in places) == 1


@pytest.mark.parametrize("name", sorted(AUGMENTATIONS))
def test_with_probability_zero_nothing_changes_and_equal_generators_give_equal_batches(name):
    def apply(made, seed):
        if isinstance(made, WaveformAugmentation):
            return on_waves(made, waves(), seed)
        images = torch.randn(6, 3, 20, 30, generator=generator(2))
        if isinstance(made, ImageAugmentation):
            return made.images(images, generator=generator(seed))
        targets = torch.eye(6)
        return torch.cat(
            [t.flatten() for t in made.mix(images, targets, generator=generator(seed))]
        )

    kind = AUGMENTATIONS[name]
    torch.testing.assert_close(apply(kind(p=0.0), 3), apply(kind(p=0.0), 4), rtol=0, atol=1e-3)
    assert torch.equal(apply(kind(p=1.0), 3), apply(kind(p=1.0), 3))
    assert not torch.equal(apply(kind(p=1.0), 3), apply(kind(p=1.0), 4))


def test_noise_has_the_signal_to_noise_ratio_asked_for_in_every_clip():
    x = waves() * torch.tensor([1.0, 0.1, 3.0, 0.5, 0.01, 1.0])[:, None]
    added = on_waves(Noise(p=1.0, min_snr_db=12, max_snr_db=12), x) - x
    snr = 10 * torch.log10(x.square().mean(1) / added.square().mean(1))
    torch.testing.assert_close(snr, torch.full((6,), 12.0), atol=0.1, rtol=0)


def test_gain_stays_within_its_bound():
    db = 20 * torch.log10(on_waves(Gain(p=1.0, max_db=6), waves()).std(1) / waves().std(1))
    assert bool((db.abs() <= 6.001).all())
    assert float(db.std()) > 0.5


def test_shift_rotates_within_its_bound():
    x = torch.zeros(50, RATE)
    x[:, 4000] = 1.0
    found = on_waves(Shift(p=1.0, max_ms=50), x).argmax(1) - 4000
    assert int(found.abs().max()) <= 400
    assert len(found.unique()) > 20


def test_speed_moves_the_pitch_of_a_sine_by_the_factor_drawn():
    t = torch.arange(RATE) / RATE
    x = torch.sin(2 * math.pi * 1000 * t).repeat(20, 1)
    moved = on_waves(Speed(p=1.0, max_percent=10), x)
    spectrum = torch.fft.rfft(moved * torch.hann_window(RATE), dim=1).abs()
    hz = spectrum.argmax(1).float()
    assert float(hz.min()) >= 895
    assert float(hz.max()) <= 1105
    assert float(hz.std()) > 20


@pytest.mark.parametrize(("mask", "axis"), [(TimeMask, 3), (FrequencyMask, 2)])
def test_masks_blank_at_most_their_fraction_of_one_axis(mask, axis):
    x = torch.randn(40, 2, 50, 50, generator=generator(3))
    masked = mask(p=1.0, n_masks=1, max_fraction=0.2).images(x, generator=generator())
    touched = (masked != x).flatten(1).any(1)
    lines = (masked != x).any(1).any(5 - axis - 1 if axis == 3 else 2)
    assert int(lines.sum(1).max()) <= 11
    assert float(touched.float().mean()) > 0.8


def test_mixup_mixes_labels_exactly_as_images_and_gives_away_at_most_half():
    targets = torch.eye(8)
    images = targets[:, None, :, None].expand(8, 1, 8, 4).clone()
    mixed, mixed_targets = Mixup(p=1.0).mix(images, targets, generator=generator())
    torch.testing.assert_close(mixed[:, 0, :, 0], mixed_targets)
    torch.testing.assert_close(mixed_targets.sum(1), torch.ones(8))
    assert bool((mixed_targets.diagonal() >= 0.5).all())


def test_about_as_many_clips_are_augmented_as_the_probability_says():
    x = waves(1).repeat(2000, 1)[:, :50]
    changed = (on_waves(Gain(p=0.3), x) != x).any(1).float().mean()
    assert 0.25 < float(changed) < 0.35


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Shift(p=1.5), r"p must be in \[0, 1\], got p=1.5"),
        (lambda: Noise(min_snr_db=30, max_snr_db=10), "min_snr_db must be at most max_snr_db=10"),
        (lambda: TimeMask(n_masks=0), "n_masks must be at least 1"),
        (lambda: Speed(max_percent=80), "max_percent must be in"),
        (lambda: Gain(max_db=float("nan")), "max_db must be at least 0"),
    ],
)
def test_values_out_of_range_are_refused_with_the_rule_and_the_value(make, message):
    with pytest.raises(ValueError, match=message):
        make()

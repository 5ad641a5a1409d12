"""Augmentations: what holds for every one of them."""

from __future__ import annotations

import zlib

import numpy as np
import pytest
import torch

from search_spaces.augment import (
    AUGMENTATIONS,
    BandStop,
    Combined,
    Equalizer,
    Erasing,
    Gain,
    ImageAugmentation,
    MixAugmentation,
    Mixup,
    Noise,
    Reverb,
    Shift,
    Speed,
    TimeMask,
    TimeWarp,
    WaveformAugmentation,
    draws,
)

RATE = 8000
PLACES = (WaveformAugmentation, ImageAugmentation, MixAugmentation)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def apply(made, clips: slice | list[int] = slice(None), seed: int = 0) -> list[torch.Tensor]:
    """What an augmentation makes of some of eight clips, everywhere it acts."""
    waves = torch.randn(8, RATE // 2, generator=generator(1))[clips]
    images = torch.randn(8, 3, 20, 30, generator=generator(2))[clips]
    found = []
    if isinstance(made, WaveformAugmentation):
        found.append(made.waveforms(waves, sampling_rate=RATE, generator=generator(seed)))
    if isinstance(made, ImageAugmentation):
        found.append(made.images(images, generator=generator(seed)))
    if isinstance(made, MixAugmentation):
        found += made.mix(images, torch.eye(8)[clips], generator=generator(seed))
    return found


class DrawsByContent:
    """Draws that depend on nothing but a clip and on how often it was asked before."""

    def __init__(self) -> None:
        self.asked: dict[int, int] = {}

    def _rng(self, row: torch.Tensor) -> np.random.Generator:
        key = zlib.crc32(row.numpy().tobytes())
        self.asked[key] = self.asked.get(key, 0) + 1
        return np.random.default_rng([key, self.asked[key]])

    def uniform(self, x, low, high, *, generator):
        drawn = [self._rng(row).uniform(low, high) for row in x]
        return torch.tensor(drawn, dtype=torch.float32).reshape(len(x))

    def normal(self, x, *shape, generator):
        drawn = [torch.from_numpy(self._rng(row).normal(size=shape)).float() for row in x]
        return torch.stack(drawn) if drawn else torch.zeros(0, *shape)

    def permutation(self, x, *, generator):
        return torch.arange(len(x)).flip(0)


@pytest.mark.parametrize("name", [*sorted(AUGMENTATIONS), "combined twice", "noise of any colour"])
def test_a_batch_is_augmented_as_its_clips_are_one_by_one(name, monkeypatch):
    special = {"combined twice": Combined(n=2), "noise of any colour": Noise(p=0.7, color="random")}
    made = special[name] if name in special else AUGMENTATIONS[name](p=0.7)

    def draw_anew():
        fake = DrawsByContent()
        for draw in ("uniform", "normal", "permutation"):
            monkeypatch.setattr(draws, draw, getattr(fake, draw))

    draw_anew()
    whole = apply(made)
    for i in range(8):
        # What takes from another clip is given that one too: who follows, or who mirrors.
        clips = {"background": [i, (i + 1) % 8], "mixup": [i, 7 - i], "cutmix": [i, 7 - i]}
        draw_anew()
        alone = apply(made, clips.get(name, [i]))
        for batched, single in zip(whole, alone, strict=True):
            torch.testing.assert_close(batched[i], single[0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", sorted(AUGMENTATIONS))
def test_with_probability_zero_nothing_changes_and_equal_generators_give_equal_batches(name):
    kind = AUGMENTATIONS[name]
    untouched = apply(Gain(p=0.0)) if issubclass(kind, WaveformAugmentation) else []
    if issubclass(kind, (ImageAugmentation, MixAugmentation)):
        untouched += apply(TimeMask(p=0.0))
    if issubclass(kind, MixAugmentation):
        untouched.append(torch.eye(8))
    torch.testing.assert_close(apply(kind(p=0.0)), untouched, rtol=0, atol=3e-3)
    one, same, other = (apply(kind(p=1.0), seed=seed) for seed in (3, 3, 4))
    assert all(torch.equal(a, b) for a, b in zip(one, same, strict=True))
    assert name == "polarity" or not torch.equal(one[0], other[0])


@pytest.mark.parametrize("name", sorted(AUGMENTATIONS))
def test_each_acts_somewhere_and_only_the_combined_one_in_two_places(name):
    places = sum(isinstance(AUGMENTATIONS[name](), place) for place in PLACES)
    assert places == (2 if name == "combined" else 1)


@pytest.mark.parametrize("name", sorted(AUGMENTATIONS))
def test_silence_a_constant_image_and_a_single_clip_stay_finite(name):
    made = AUGMENTATIONS[name](p=1.0)
    if isinstance(made, WaveformAugmentation):
        for n in (1, 3):
            x = made.waveforms(torch.zeros(n, 801), sampling_rate=RATE, generator=generator())
            assert x.shape == (n, 801)
            assert bool(x.isfinite().all())
    if isinstance(made, ImageAugmentation):
        x = made.images(torch.ones(1, 1, 9, 13), generator=generator())
        torch.testing.assert_close(x, torch.ones(1, 1, 9, 13))
    if isinstance(made, MixAugmentation):
        x, targets = made.mix(torch.ones(1, 1, 9, 13), torch.eye(2)[:1], generator=generator())
        torch.testing.assert_close((x, targets), (torch.ones(1, 1, 9, 13), torch.eye(2)[:1]))


def test_about_as_many_clips_are_augmented_as_the_probability_says():
    x = torch.randn(1, 50, generator=generator(1)).repeat(2000, 1)
    found = Gain(p=0.3).waveforms(x, sampling_rate=RATE, generator=generator())
    assert 0.25 < float((found != x).any(1).float().mean()) < 0.35


def test_the_combined_strength_is_next_to_nothing_at_0_and_grows():
    rises = []
    for strength in (0.0, 0.3, 1.0):
        waves = torch.randn(64, RATE // 2, generator=generator(1))
        images = torch.randn(64, 1, 24, 32, generator=generator(2))
        made = Combined(strength=strength)
        heard = made.waveforms(waves, sampling_rate=RATE, generator=generator())
        seen = made.images(images, generator=generator())
        rises.append([float((heard - waves).square().mean()), float((seen - images).abs().mean())])
    assert rises[0][0] < 0.01
    assert rises[0][1] < 1e-6
    assert (np.diff(rises, axis=0) > 0).all()


def test_every_round_of_the_combined_augmentation_takes_one_for_each_clip():
    x = torch.randn(400, 1, 16, 16, generator=generator(1))
    once = Combined(n=1, strength=1.0).images(x, generator=generator())
    twice = Combined(n=2, strength=1.0).images(x, generator=generator())
    changed = [float((found != x).float().mean()) for found in (once, twice)]
    assert 1.4 < changed[1] / changed[0] < 2.0


def test_partners_are_others_and_each_serves_once():
    for n in (2, 3, 17):
        x = torch.zeros(n, 1)
        for seed in range(5):
            partner = draws.others(x, generator=generator(seed))
            assert bool((partner != torch.arange(n)).all())
            assert sorted(partner.tolist()) == list(range(n))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Shift(p=1.5), r"p must be in \[0, 1\], got p=1.5"),
        (lambda: Noise(min_snr_db=30, max_snr_db=10), "min_snr_db must be at most max_snr_db=10"),
        (lambda: Noise(color="mauve"), "color must be one of white, pink, .*, got color='mauve'"),
        (lambda: TimeMask(n_masks=0), "n_masks must be in"),
        (lambda: Speed(max_percent=80), r"max_percent must be in \[0, 50\]"),
        (lambda: Gain(max_db=float("nan")), "max_db must be in"),
        (lambda: Reverb(min_rt60=0.5, max_rt60=0.2), r"max_rt60 must be in \[0.5, 10\]"),
        (lambda: Reverb(min_drr_db=5, max_drr_db=0), "min_drr_db must be at most max_drr_db=0"),
        (lambda: Equalizer(n_points=1), r"n_points must be in \[2, 64\]"),
        (lambda: BandStop(max_fraction=2), r"max_fraction must be in \[0, 1\]"),
        (lambda: TimeWarp(max_fraction=0.4), r"max_fraction must be in \[0, 0.2\]"),
        (lambda: Erasing(max_aspect=0.5), "max_aspect must be at least 1"),
        (lambda: Mixup(strength=-1), r"strength must be in \[0, 1\]"),
        (lambda: Combined(n=0), r"n must be in \[1, 8\]"),
    ],
)
def test_values_out_of_range_are_refused_with_the_rule_and_the_value(make, message):
    with pytest.raises(ValueError, match=message):
        make()

"""Augmentations of images: what is blanked, bent and mixed."""

from __future__ import annotations

import pytest
import torch

from search_spaces.augment import CutMix, Erasing, FrequencyMask, Mixup, TimeMask, TimeWarp
from search_spaces.augment.time_warp import warp


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def images(n: int = 40) -> torch.Tensor:
    return torch.randn(n, 2, 50, 50, generator=generator(3))


@pytest.mark.parametrize(("mask", "axis"), [(TimeMask, 3), (FrequencyMask, 2)])
def test_masks_blank_at_most_their_fraction_of_one_axis(mask, axis):
    x = images()
    masked = mask(p=1.0, n_masks=1, max_fraction=0.2).images(x, generator=generator())
    touched = (masked != x).any(1)
    lines = touched.any(1 if axis == 3 else 2)
    assert int(lines.sum(1).max()) <= 11
    assert float(touched.flatten(1).any(1).float().mean()) > 0.8


def test_erasing_blanks_one_rectangle_of_at_most_its_area_with_the_mean():
    x = images(200)
    found = Erasing(p=1.0, max_area=0.3, max_aspect=3).images(x, generator=generator())
    blank = (found != x).any(1)
    rows, columns = blank.any(2).sum(1), blank.any(1).sum(1)
    assert torch.equal(blank.flatten(1).sum(1), rows * columns)  # a rectangle
    assert float((rows * columns).max()) <= 0.3 * 2500 + 100  # a pixel on each side
    aspect = (rows / columns)[rows * columns > 300]
    assert float(aspect.max()) < 3.6
    assert float(aspect.min()) > 1 / 3.6
    mean = x.mean((2, 3))[:, 0, None, None].expand(-1, 50, 50)
    torch.testing.assert_close(found[:, 0][blank], mean[blank])


@pytest.mark.parametrize("kind", [TimeMask, FrequencyMask, Erasing])
def test_a_channel_is_blanked_with_its_own_mean(kind):
    unlike = torch.tensor([-60.0, 0.0, 3.0])[:, None, None]  # decibels beside their slope
    x = unlike + torch.randn(8, 3, 40, 40, generator=generator(1))
    found = kind(p=1.0).images(x, generator=generator())
    blank = (found != x).all(1)
    assert bool(blank.any())
    for channel, mean in enumerate((-60.0, 0.0, 3.0)):
        torch.testing.assert_close(
            found[:, channel][blank], torch.full((int(blank.sum()),), mean), atol=0.2, rtol=0
        )


def test_a_warp_moves_a_moment_and_keeps_the_ends():
    n, width = 5, 101
    ramp = torch.linspace(0, 1, width).expand(n, 1, 3, width)
    origin = torch.tensor([0.3, 0.5, 0.5, 0.7, 0.4])
    target = torch.tensor([0.4, 0.4, 0.5, 0.8, 0.3])
    found = warp(ramp, origin, target)
    torch.testing.assert_close(found[..., [0, -1]], ramp[..., [0, -1]])
    at = (target * (width - 1)).round().long()
    torch.testing.assert_close(found[torch.arange(n), 0, 0, at], origin)
    # Straight on either side: the slope changes once.
    bends = (found[:, 0, 0].diff(dim=1).diff(dim=1).abs() > 1e-3).sum(1)
    assert bends.tolist() == [1, 1, 0, 1, 1]


def test_time_warp_keeps_rows_apart_and_stays_within_its_bound():
    ramp = torch.linspace(0, 1, 64).expand(50, 2, 4, 64) + torch.arange(4)[None, None, :, None]
    found = TimeWarp(p=1.0, max_fraction=0.1).images(ramp, generator=generator())
    moved = (found - ramp).abs()
    assert float(moved.max()) <= 0.101
    assert float(moved.max()) > 0.05
    torch.testing.assert_close(found[:, :, 1:] - found[:, :, :1], ramp[:, :, 1:] - ramp[:, :, :1])


@pytest.mark.parametrize("kind", [Mixup, CutMix])
def test_labels_are_mixed_exactly_as_images_and_a_clip_gives_away_at_most_half(kind):
    targets = torch.eye(8)
    flat = targets[:, :, None, None].expand(8, 8, 21, 17).clone()  # an image of its own label
    mixed, mixed_targets = kind(p=1.0).mix(flat, targets, generator=generator())
    torch.testing.assert_close(mixed.mean((2, 3)), mixed_targets)
    torch.testing.assert_close(mixed_targets.sum(1), torch.ones(8))
    assert bool((mixed_targets.diagonal() >= 0.5 - 0.06).all())
    assert float((mixed_targets.diagonal() < 0.99).float().mean()) > 0.5


def test_cutmix_pastes_a_rectangle_and_mixup_blends_every_pixel():
    flat = torch.eye(8)[:, :, None, None].expand(8, 8, 21, 17).clone()
    cut, _ = CutMix(p=1.0).mix(flat, torch.eye(8), generator=generator())
    assert sorted(cut.unique().tolist()) == [0.0, 1.0]
    blended, _ = Mixup(p=1.0).mix(flat, torch.eye(8), generator=generator())
    assert bool((blended == blended[:, :, :1, :1]).all())

"""Augmenting only the clips that are chosen."""

from __future__ import annotations

import pytest
import torch

from search_spaces.augment import AUGMENTATIONS, WaveformAugmentation
from search_spaces.augment.rows import on_chosen


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_chosen_clips_are_changed_with_their_own_draws_and_others_stay(share):
    x, before = (torch.randn(7, 2, 5, generator=torch.Generator().manual_seed(0)) for _ in "12")
    drawn = torch.arange(7.0)
    chosen = torch.rand(7, generator=torch.Generator().manual_seed(1)) < share
    seen = []

    def change(some: torch.Tensor, by: torch.Tensor) -> torch.Tensor:
        seen.append(by)
        return some * by[:, None, None]

    found = on_chosen(change, chosen, x, drawn)
    want = torch.where(chosen[:, None, None], x * drawn[:, None, None], x)
    assert torch.equal(found, want)
    assert torch.equal(x, before)
    assert torch.equal(torch.cat([torch.zeros(0), *seen]), drawn[chosen])  # and no other


def test_on_another_device_all_are_changed_at_once():
    x = torch.empty(7, 2, 5, device="meta")  # no CPU: what a GPU does, without numbers
    sizes = []
    found = on_chosen(lambda some: sizes.append(len(some)) or some, x[:, 0, 0] > 0, x)
    assert found.shape == x.shape
    assert sizes == [7]


@pytest.mark.parametrize("name", sorted(AUGMENTATIONS))
def test_what_is_not_chosen_is_left_exactly_as_it_was(name):
    made = AUGMENTATIONS[name](p=0.0)
    if isinstance(made, WaveformAugmentation):
        x = torch.randn(4, 500, generator=torch.Generator().manual_seed(0))
        found = made.waveforms(x, sampling_rate=8000, generator=torch.Generator())
        assert torch.equal(found, x)

"""Playing clips faster or slower, each by its own per cent, as products of matrices."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

BLOCK = 100  # samples heard from 100 +- percent samples played: the same filters block by block
TAPS = 64
KAISER = 4.0  # shape of the window: what is stopped is 45 dB down


def play(x: Tensor, percent: Tensor, *, most: int = 50) -> Tensor:
    """Return waveforms (clips, samples) played faster, each by a whole number of per cent.

    The middle of the clip stays where it is, but for half a sample; beyond its ends it is
    reflected. What would come to lie above half the sampling rate is left out. A tone up to 0.47 of
    the sampling rate, before and after, keeps its level to 0.1 dB; its images lie 45 dB below.

    Args:
        x: The clips.
        percent: By how much, below zero for slower; rounded, and bounded by `most`. Shape (clips,).
        most: From 0 to 99.
    """
    filters = _filters(x.shape[1], most, x.device)
    mirrored = x.index_select(1, filters.mirrored)
    which = percent.round().long().clamp(-most, most) + most
    make = _one_by_one if x.device.type == "cpu" else _at_once
    return make(mirrored, which, filters).flatten(1)[:, : x.shape[1]]


@dataclass(frozen=True)
class _Filters:
    """How clips of one length are played at each per cent from -`most` to `most`.

    Block b of what is heard is `weights` times samples `first` + b x `step` and those that follow.
    """

    mirrored: Tensor  # the clip's samples with those reflected at its ends (samples,)
    first: Tensor  # (per cents,), in `mirrored`
    step: Tensor  # (per cents,)
    weights: Tensor  # (per cents, samples, BLOCK)
    blocks: int


@lru_cache(maxsize=8)
def _filters(n: int, most: int, device: torch.device) -> _Filters:
    step = torch.arange(BLOCK - most, BLOCK + most + 1)
    speed = step.double()[:, None, None] / BLOCK
    begin = (n - 1) / 2 * (1 - speed)  # where the first sample heard lies in the clip
    taps = torch.arange(BLOCK + most + TAPS)[:, None]
    away = begin - begin.floor() + torch.arange(BLOCK) * speed - (taps - (TAPS // 2 - 1))
    inside = (1 - (away / (TAPS / 2)).square()).clamp_min(0)
    window = torch.special.i0(KAISER * inside.sqrt()) / torch.special.i0(torch.tensor(KAISER))
    pitch = (1 / speed).clamp_max(1)  # of the highest tone that stays, over half the sampling rate
    weights = torch.where(inside > 0, pitch * torch.sinc(pitch * away) * window, 0.0)
    first = begin.flatten().floor().long() - (TAPS // 2 - 1)
    blocks = -(-n // BLOCK)
    end = first + (blocks - 1) * step + len(taps)
    places = torch.arange(int(first.min()), int(end.max())) % (2 * n)
    mirrored = torch.minimum(places, 2 * n - 1 - places)
    return _Filters(
        mirrored=mirrored.to(device),
        first=(first - first.min()).to(device),
        step=step.to(device),
        weights=weights.float().to(device),
        blocks=blocks,
    )


def _one_by_one(x: Tensor, which: Tensor, filters: _Filters) -> Tensor:
    """Return blocks (clips, blocks, BLOCK) of mirrored clips, with no copy of what blocks share."""
    found = x.new_empty(len(x), filters.blocks, BLOCK)
    for clip, blocks, k in zip(x, found, which.tolist(), strict=True):
        step = BLOCK - filters.weights.shape[0] // 2 + k
        frames = clip[int(filters.first[k]) :].unfold(0, step + TAPS, step)[: filters.blocks]
        torch.mm(frames, filters.weights[k, : step + TAPS], out=blocks)
    return found


def _at_once(x: Tensor, which: Tensor, filters: _Filters) -> Tensor:
    """Return the same without asking the device for numbers."""
    weights = filters.weights[which]
    first, step = (t[which][:, None, None] for t in (filters.first, filters.step))
    along = torch.arange(weights.shape[1], device=x.device)
    places = first + step * torch.arange(filters.blocks, device=x.device)[:, None] + along
    return torch.bmm(x.gather(1, places.flatten(1)).view(places.shape), weights)

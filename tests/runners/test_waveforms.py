"""Gathering windows from the ragged corpus, judged clip by clip with NumPy."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from runners.clips import Clips
from runners.waveforms import Waveforms
from support.clips import clips_of

RATE = 1000
LENGTHS = (10, 40, 100, 250, 1)


def corpus() -> Clips:
    rng = np.random.default_rng(0)
    return clips_of([rng.uniform(-1, 1, n).astype(np.float32) for n in LENGTHS], RATE)


def waveforms(pad: str = "repeat", seconds: float = 0.04) -> Waveforms:
    return Waveforms(corpus(), device=torch.device("cpu"), clip_seconds=seconds, pad=pad)


@pytest.mark.parametrize(("pad", "mode"), [("repeat", "wrap"), ("reflect", "reflect")])
def test_short_clips_are_filled_up_as_numpy_pads(pad, mode):
    held, clips = waveforms(pad), corpus()
    views = held.cover([0, 1])
    found = held.gather(views.clips, views.starts).numpy()
    for row, i in enumerate([0, 1]):
        expected = np.pad(clips.waveform(i), (0, 40 - LENGTHS[i]), mode=mode)
        np.testing.assert_allclose(found[row], expected, atol=1e-7)


def test_short_clips_lie_in_the_middle_of_zeros():
    held = waveforms("zero")
    views = held.cover([0])
    found = held.gather(views.clips, views.starts)[0].numpy()
    np.testing.assert_allclose(found[15:25], corpus().waveform(0), atol=1e-7)
    assert not found[:15].any()
    assert not found[25:].any()


@pytest.mark.parametrize("pad", ["repeat", "reflect", "zero"])
def test_a_clip_of_one_sample_is_finite(pad):
    held = waveforms(pad)
    views = held.cover([4])
    assert bool(held.gather(views.clips, views.starts).isfinite().all())


def test_long_clips_are_covered_from_first_to_last_sample():
    held, clips = waveforms(), corpus()
    views = held.cover([3, 2])
    assert views.rows.tolist() == [0] * 7 + [1] * 3
    found = held.gather(views.clips, views.starts).numpy()
    np.testing.assert_allclose(found[0], clips.waveform(3)[:40], atol=1e-7)
    np.testing.assert_allclose(found[6], clips.waveform(3)[-40:], atol=1e-7)
    starts = views.starts[:7].numpy()
    assert (np.diff(starts) <= 40).all()


def test_windows_of_a_clip_are_averaged():
    held = waveforms()
    views = held.cover([2, 0])
    values = torch.arange(8.0).reshape(4, 2)
    torch.testing.assert_close(views.average(values), torch.stack([values[:3].mean(0), values[3]]))


def test_random_windows_lie_within_their_clip_and_reach_both_ends():
    held = waveforms()
    generator = torch.Generator().manual_seed(0)
    whole = corpus().waveform(2)
    starts = set()
    for wave in held.random(torch.full((2000,), 2), generator=generator).numpy():
        start = int(np.argmin(np.abs(whole - wave[0])))
        np.testing.assert_allclose(wave, whole[start : start + 40], atol=1e-7)
        starts.add(start)
    assert starts == set(range(61))


def test_the_scale_of_each_clip_is_kept():
    loud = clips_of([np.array([0.0, 4.0, -2.0]), np.array([0.0, 0.5, 0.25])], RATE)
    held = Waveforms(loud, device=torch.device("cpu"), clip_seconds=0.003, pad="zero")
    views = held.cover([0, 1])
    found = held.gather(views.clips, views.starts)
    torch.testing.assert_close(
        found, torch.tensor([[0.0, 4.0, -2.0], [0.0, 0.5, 0.25]]), atol=1e-3, rtol=0
    )


def test_nothing_to_cover_gives_no_windows():
    assert len(waveforms().cover([]).clips) == 0


@pytest.mark.parametrize("pad", ["repeat", "reflect", "zero"])
def test_a_cpu_slices_what_a_gpu_gathers_by_index(pad):
    held = waveforms(pad)
    clips = torch.arange(len(LENGTHS)).repeat_interleave(3)
    room = held.lengths[clips] - held.length
    starts = torch.where(room > 0, room * torch.tensor([0, 1, 2] * len(LENGTHS)) // 2, room // 2)
    if pad != "zero":
        starts = starts.clamp_min(0)
    assert torch.equal(held._one_by_one(clips, starts), held._at_once(clips, starts))

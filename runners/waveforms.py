"""The corpus on the device, and the windows of it that are a network's input."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from runners.clips import Clips


@dataclass(frozen=True)
class Views:
    """Windows that cover clips: which clip each belongs to, and where in it each starts.

    Args:
        clips: Position in the cache, shape (windows,).
        starts: First sample within the clip, shape (windows,).
        rows: Which of the n clips asked for a window belongs to, shape (windows,).
        n: Number of clips.
    """

    clips: Tensor
    starts: Tensor
    rows: Tensor
    n: int

    def average(self, values: Tensor) -> Tensor:
        """Return the mean per clip (n, classes) of values per window (windows, classes)."""
        if len(self.rows) == self.n:
            return values
        total = values.new_zeros(self.n, values.shape[1]).index_add_(0, self.rows, values)
        counts = torch.bincount(self.rows, minlength=self.n)[:, None]
        return total / counts


class Waveforms:
    """All clips of a corpus on one device as int16, from which batches are gathered.

    Args:
        clips: The corpus.
        device: Where to hold it; the one copy is made here.
        clip_seconds: Length of a window.
        pad: What clips shorter than that are filled up with: `repeat`, `reflect` or `zero`.
    """

    def __init__(
        self, clips: Clips, *, device: torch.device, clip_seconds: float, pad: str
    ) -> None:
        # On a CPU no copy is made: every worker of a machine reads the same page cache.
        self.samples = _readonly(np.asarray(clips.samples)).to(device)
        self.offsets = torch.from_numpy(np.array(clips.offsets[:-1])).to(device)
        self.lengths = torch.from_numpy(np.diff(clips.offsets)).to(device)
        self.scale = torch.from_numpy(np.array(clips.scale, dtype=np.float32)).to(device)
        self.device = device
        self.sampling_rate = clips.sampling_rate
        self.length = max(1, round(clip_seconds * clips.sampling_rate))
        self.pad = pad
        self._lengths = np.diff(clips.offsets)
        self._steps = torch.arange(self.length, device=device)

    def gather(self, clips: Tensor, starts: Tensor) -> Tensor:
        """Return windows as float32, shape (windows, samples).

        Args:
            clips: Positions in the cache, shape (windows,).
            starts: First sample of each window within its clip, shape (windows,).
        """
        gathered = self._one_by_one if self.device.type == "cpu" else self._at_once
        return gathered(clips, starts)

    def _one_by_one(self, clips: Tensor, starts: Tensor) -> Tensor:
        """Gather on a CPU, where a slice costs a tenth of its indices."""
        numbers = (t.tolist() for t in (self.offsets[clips], self.lengths[clips], starts))
        windows = [
            self._window(self.samples[offset : offset + length], start)
            for offset, length, start in zip(*numbers, strict=True)
        ]
        return torch.stack(windows).float().mul_(self.scale[clips][:, None])

    def _window(self, clip: Tensor, start: int) -> Tensor:
        """Return the window of a clip (samples,) from `start`, filled up as `pad` says."""
        behind = start + self.length - len(clip)
        if start >= 0 >= behind:
            return clip[start : start + self.length]
        if self.pad == "zero":
            return F.pad(clip, (-start, behind))
        loop = clip if self.pad == "repeat" else torch.cat([clip, clip[1:-1].flip(0)])
        start %= len(loop)
        return loop.repeat(-(-(start + self.length) // len(loop)))[start : start + self.length]

    def _at_once(self, clips: Tensor, starts: Tensor) -> Tensor:
        """Gather on a device that cannot be asked for numbers without waiting for it."""
        lengths = self.lengths[clips][:, None]
        at = starts[:, None] + self._steps[None]
        if self.pad == "reflect":
            period = (2 * lengths - 2).clamp_min(1)
            at = at % period
            inside = torch.where(at < lengths, at, period - at)
        else:
            inside = at % lengths
        waves = self.samples[self.offsets[clips][:, None] + inside].float()
        waves *= self.scale[clips][:, None]
        if self.pad == "zero":
            waves *= (at >= 0) & (at < lengths)
        return waves

    def random(self, clips: Tensor, *, generator: Generator) -> Tensor:
        """Return one window of each clip: at random in a long one, the whole of a short one."""
        room = self.lengths[clips] - self.length
        drawn = torch.rand(len(clips), generator=generator, device=self.device)
        starts = (drawn * (room.clamp_min(0) + 1)).long()
        # A short clip lies in the middle of zeros; otherwise it begins at its start.
        centre = torch.div(room, 2, rounding_mode="floor") if self.pad == "zero" else room * 0
        return self.gather(clips, torch.where(room >= 0, starts, centre))

    def cover(self, clips: Sequence[int]) -> Views:
        """Return evenly spaced windows that cover each clip; a short clip has one."""
        room = self._lengths[np.asarray(clips, dtype=np.int64)] - self.length
        n_windows = [1 if r <= 0 else math.ceil(r / self.length) + 1 for r in room]
        rows = np.repeat(np.arange(len(clips)), n_windows)
        starts = [
            np.full(1, r // 2 if self.pad == "zero" and r < 0 else 0)
            if n == 1
            else np.rint(np.linspace(0, r, n)).astype(np.int64)
            for r, n in zip(room, n_windows, strict=True)
        ]
        flat = np.concatenate(starts) if starts else np.zeros(0)
        return Views(
            torch.from_numpy(np.asarray(clips, dtype=np.int64)[rows]).to(self.device),
            torch.from_numpy(flat.astype(np.int64)).to(self.device),
            torch.from_numpy(rows.astype(np.int64)).to(self.device),
            len(clips),
        )

    def batches(
        self, views: Views, size: int, *, alive: Callable[[], None] = lambda: None
    ) -> Iterator[Tensor]:
        """Yield the waveforms of `views`, `size` windows at a time; call `alive` before each."""
        for start in range(0, len(views.clips), size):
            alive()
            part = slice(start, start + size)
            yield self.gather(views.clips[part], views.starts[part])


def _readonly(samples: np.ndarray) -> Tensor:
    """Return a tensor on a read-only memory map; nothing writes to it."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(samples)

"""A bundle as a predictor: waveforms in, probabilities out, NumPy on both sides.

from study import load
predictor = load("digits.bundle")
probabilities = predictor.predict(waveforms, sampling_rate=16_000)  # (clips, classes)
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from runners.clips import PCM16_SCALE, Clips, quantise
from runners.device import default_slots, usable_compute
from runners.evaluation import EVAL_BATCH, autocast
from runners.waveforms import Waveforms
from search_spaces.backbones.backbones import likes_channels_last
from search_spaces.grammar.errors import InputError
from study.bundle.bundle import Bundle, read_bundle, window_cost
from study.bundle.networks import load_networks
from study.corpus.audio.samples import MAX_PEAK, resample
from study.fusion.methods.rule import fuse_members

MAX_BATCH = 2**28  # numbers in the spectrograms of one batch


class Windowed(NamedTuple):
    """What was predicted of clips and of the windows that cover them.

    Args:
        clips: Probabilities (clips, classes): the networks' average over a clip's windows, joined.
        windows: Probabilities (windows, classes).
        rows: Which clip each window belongs to, (windows,).
        starts: First sample of each window within its clip, (windows,).
    """

    clips: NDArray[np.float64]
    windows: NDArray[np.float64]
    rows: NDArray[np.int64]
    starts: NDArray[np.int64]


def load(bundle: Path | str, *, device: str | None = None) -> Predictor:
    """Load a bundle.

    Args:
        bundle: Its folder.
        device: `cpu`, `cuda:0`, ...; None: a GPU where there is one.

    Raises:
        InputError: If there is anything wrong with it; see `study.bundle.bundle`.
    """
    if not isinstance(bundle, (str, os.PathLike)):
        raise InputError(f"a bundle must be a folder, got {bundle!r:.80}")
    return Predictor(read_bundle(Path(bundle)), device=device)


class Predictor:
    """The fusion of a bundle's networks.

    Args:
        bundle: What `read_bundle` returned.
        device: See `load`.
    """

    def __init__(self, bundle: Bundle, *, device: str | None = None) -> None:
        self.bundle = bundle
        self.compute = usable_compute(default_slots()[0] if device is None else device)
        self.networks = [network.to(self.compute.device) for network in load_networks(bundle)]
        for member, network in zip(bundle.members, self.networks, strict=True):
            if self.compute.channels_last and likes_channels_last(member.spec.backbone):
                network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        costs = [window_cost(m.spec, self.sampling_rate, bundle.n_samples) for m in bundle.members]
        self.batch = max(1, min(EVAL_BATCH, MAX_BATCH // max(costs)))

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names in the order of the probabilities."""
        return self.bundle.classes

    @property
    def sampling_rate(self) -> int:
        """Hz that the networks hear; other rates are resampled."""
        return self.bundle.sampling_rate

    @property
    def window(self) -> int:
        """Samples that a network hears at once; longer clips are covered by windows."""
        return max(1, round(self.bundle.clip_seconds * self.sampling_rate))

    def predict(
        self, waveforms: ArrayLike | Sequence[ArrayLike], sampling_rate: int
    ) -> NDArray[np.float64]:
        """Return probabilities (clips, classes).

        Args:
            waveforms: (samples,) one clip, (clips, samples), or a list of clips (samples,) of any
                lengths; int16, or float at full scale 1.
            sampling_rate: Of the waveforms, Hz.

        Raises:
            InputError: If a clip is empty, not finite or of another shape or type.
        """
        return self.predict_clips(as_clips(waveforms, sampling_rate, self.sampling_rate))

    def predict_clips(self, clips: Clips) -> NDArray[np.float64]:
        """Return probabilities (clips, classes) of clips at the bundle's sampling rate.

        Raises:
            InputError: If a network gives NaN: its weights are not finite, or overflow.
        """
        return self.predict_windows(clips, windows=False).clips

    @torch.inference_mode()
    def predict_windows(self, clips: Clips, *, windows: bool = True) -> Windowed:
        """Return probabilities of clips, and of each window that covers them.

        Args:
            clips: At the bundle's sampling rate.
            windows: False: of the clips alone.

        Raises:
            InputError: If a network gives NaN: its weights are not finite, or overflow.
        """
        nothing, none = np.zeros((0, len(self.classes))), np.zeros(0, np.int64)
        if not len(clips):
            return Windowed(nothing, nothing, none, none)
        waveforms = Waveforms(
            clips,
            device=self.compute.device,
            clip_seconds=self.bundle.clip_seconds,
            pad=self.bundle.pad,
        )
        views = waveforms.cover(range(len(clips)))
        shares = torch.cat([self._fuse(w) for w in waveforms.batches(views, self.batch)])
        of_clips = self._joined(views.average(shares))
        if not windows:
            return Windowed(of_clips, nothing, none, none)
        rows, starts = (one.cpu().numpy() for one in (views.rows, views.starts))
        return Windowed(of_clips, self._joined(shares), rows, starts.clip(min=0))

    def _joined(self, shares: torch.Tensor) -> NDArray[np.float64]:
        """Return probabilities (rows, classes) of what `_fuse` gave."""
        values: NDArray[np.float64] = shares.cpu().numpy()
        if not np.isfinite(values).all():
            raise InputError(
                f"{self.bundle.folder}: its networks must give finite probabilities, got NaN"
            )
        if self.bundle.rule is None:
            return values
        members = self.bundle.members
        return fuse_members(
            np.split(values, len(members), axis=1),
            [member.weight for member in members],
            [member.candidate for member in members],
            self.bundle.rule,
        )

    def _fuse(self, waves: torch.Tensor) -> torch.Tensor:
        """Return probabilities of windows of waveforms (windows, samples).

        Their average by weight, (windows, classes); or, for a rule that comes after the average
        over a clip's windows, those of all members side by side, (windows, members * classes).
        """
        parts = []
        for network, member in zip(self.networks, self.bundle.members, strict=True):
            with autocast(self.compute):
                logits = network(waves)
            shares = logits.float().softmax(1).double()
            parts.append(shares if self.bundle.rule else member.weight * shares)
        return torch.cat(parts, dim=1) if self.bundle.rule else torch.stack(parts).sum(dim=0)


def as_clips(waveforms: Any, sampling_rate: int, target_rate: int) -> Clips:
    """Return waveforms as clips at the `target_rate` sampling rate.

    What 16-bit audio is comes through exactly, also as float: a clip gives the same here as its
    file does.

    Raises:
        InputError: If a clip is empty, not finite or of another shape or type.
    """
    if isinstance(sampling_rate, bool) or not 1 <= sampling_rate <= 10_000_000:
        raise InputError(f"sampling_rate must be in [1, 10000000] Hz, got {sampling_rate!r}")
    rows = waveforms
    if isinstance(waveforms, np.ndarray) and waveforms.dtype != object:
        rows = waveforms[None] if waveforms.ndim == 1 else waveforms
    elif len(waveforms) and np.ndim(waveforms[0]) == 0:
        rows = [waveforms]
    pairs = [_clip(row, i, int(sampling_rate), target_rate) for i, row in enumerate(rows)]
    lengths = [samples.size for samples, _ in pairs]
    return Clips(
        np.concatenate([np.zeros(0, np.int16), *(samples for samples, _ in pairs)]),
        np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        np.array([scale for _, scale in pairs], np.float32),
        target_rate,
    )


def _clip(waveform: Any, i: int, rate: int, target_rate: int) -> tuple[NDArray[np.int16], float]:
    wave = np.asarray(waveform)
    if wave.ndim != 1 or not wave.size:
        raise InputError(f"clip {i}: must be (samples,) with at least one, got shape {wave.shape}")
    if wave.dtype == np.int16:
        if rate == target_rate:
            return np.ascontiguousarray(wave), PCM16_SCALE
        wave = wave.astype(np.float32) * np.float32(PCM16_SCALE)
    elif not np.issubdtype(wave.dtype, np.floating):
        raise InputError(f"clip {i}: must be int16 or float, got {wave.dtype}")
    elif not np.isfinite(wave).all():
        raise InputError(f"clip {i}: must be finite, but holds NaN or infinity")
    elif np.abs(wave).max() > MAX_PEAK:
        raise InputError(f"clip {i}: full scale is 1, got samples up to {np.abs(wave).max():.3g}")
    wave = wave.astype(np.float32, copy=False)
    if rate != target_rate:
        return quantise(resample(wave, rate, target_rate))
    steps = wave * np.float32(32768)
    exact = np.rint(steps)
    if np.array_equal(steps, exact) and exact.min() >= -32768 and exact.max() <= 32767:
        return exact.astype(np.int16), PCM16_SCALE
    return quantise(wave)

"""Small corpora as `Clips`, from arrays: in memory, or written as the cache writes them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from runners.clips import Clips, ClipsWriter, quantise


def clips_of(waveforms: Iterable[ArrayLike], sampling_rate: int) -> Clips:
    """Hold waveforms, each of shape ``(samples,)``, in memory."""
    pairs = [quantise(waveform) for waveform in waveforms]
    lengths = [samples.size for samples, _ in pairs]
    return Clips(
        samples=np.concatenate([np.zeros(0, np.int16), *(samples for samples, _ in pairs)]),
        offsets=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        scale=np.array([scale for _, scale in pairs], np.float32),
        sampling_rate=sampling_rate,
    )


def write_clips(clips: Clips, folder: Path) -> None:
    """Write all four files."""
    with ClipsWriter(folder, clips.sampling_rate) as writer:
        for i in range(len(clips)):
            writer.append(clips.samples[clips.offsets[i] : clips.offsets[i + 1]], clips.scale[i])

"""Power per band, by constant-Q kernels: a window length a band."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from search_spaces.front_end.framing import MAX_N_FFT, framed
from search_spaces.scales import ConstantQ, centres_hz
from search_spaces.scales.constant_q import kernel_lengths


class ConstantQBands(nn.Module):
    """Powers (clips, 1, bands, frames) of waveforms (clips, samples), a window length a band.

    Every band is the inner product with a windowed sine and cosine of its centre. Bands whose
    windows are about equally long are one convolution.

    Args:
        window_ms: Length of the window at 250 Hz.
        scale: The bands.
        hop: Samples from frame to frame.
        sampling_rate: Hz.

    Raises:
        ValueError: If a window is longer than any transform may be, or `fmin` too high.
    """

    def __init__(self, window_ms: float, scale: ConstantQ, *, hop: int, sampling_rate: int) -> None:
        super().__init__()
        self.hop = hop
        lengths = kernel_lengths(scale, window_ms, sampling_rate)
        if lengths.max() > MAX_N_FFT:
            raise ValueError(
                f"a window of {window_ms:g} ms at 250 Hz is {lengths.max():.0f} samples in the"
                f" lowest band of constant_q; it must be at most {MAX_N_FFT}"
            )
        radians = 2 * np.pi * centres_hz(scale, sampling_rate) / sampling_rate
        groups = np.ceil(2 * np.log2(lengths)).astype(int)  # half octaves of length
        self.n_groups = 0
        for group in np.unique(groups)[::-1]:  # the longest first: the lowest bands
            chosen = groups == group
            kernels = _kernels(lengths[chosen], radians[chosen])
            self.register_buffer(f"kernels_{self.n_groups}", kernels, persistent=False)
            self.n_groups += 1

    def forward(self, waveforms: Tensor) -> Tensor:
        """Return powers per band."""
        parts = []
        for i in range(self.n_groups):
            kernels: Tensor = self.get_buffer(f"kernels_{i}")
            length = kernels.shape[0]
            spectra = framed(waveforms, length, self.hop, length // 2) @ kernels
            real, imaginary = spectra.square().chunk(2, dim=-1)
            parts.append(real + imaginary)
        return torch.cat(parts, dim=-1).transpose(1, 2)[:, None]


def _kernels(lengths: np.ndarray, radians: np.ndarray) -> Tensor:
    """Return cosines, then sines, under Hann windows of their own length, (samples, 2 x bands)."""
    half = int(np.ceil(lengths.max() / 2))
    time = np.arange(-half, half + 1)[:, None]
    window = np.where(np.abs(time) < lengths / 2, 0.5 + 0.5 * np.cos(2 * np.pi * time / lengths), 0)
    window *= 2.0 / window.sum(0)
    kernels = [window * np.cos(radians * time), window * np.sin(radians * time)]
    return torch.from_numpy(np.concatenate(kernels, axis=1)).float()

"""Random recordings for simulated corpora: the microphone's frequency response, noise, loudness.

Both classes of a simulated corpus go through the same draws: none of these gives the class away.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.random import Generator
from numpy.typing import NDArray

from study.files.atomic import naming

Array = NDArray[np.floating[Any]]


def write_wav(path: Path, wave: Array, sampling_rate: int) -> None:
    """Write a mono file of 16 bits.

    Raises:
        OSError: It cannot be written; libsndfile itself says nothing of the kind for a full disk.
    """
    whole = io.BytesIO()
    soundfile.write(whole, wave, sampling_rate, format="WAV", subtype="PCM_16")
    with naming(path):
        path.write_bytes(whole.getvalue())


def octaves_above_60_hz(frequencies: Array) -> Array:
    """Frequencies in Hz as octaves above 60 Hz, 0 below.

    >>> octaves_above_60_hz(np.array([0.0, 60.0, 240.0])).tolist()
    [0.0, 0.0, 2.0]
    """
    octaves: Array = np.log2(np.maximum(frequencies, 60.0) / 60.0)
    return octaves


def random_eq(rng: Generator, octaves: Array, n: int, *, spread: float) -> Array:
    """Smooth random frequency responses in dB, shape ``(n, frequencies)``: a tilt and bumps.

    Args:
        rng: Of everything random.
        octaves: Rising, see :func:`octaves_above_60_hz`.
        n: How many.
        spread: Standard deviation of the bumps, dB.
    """
    knots = np.linspace(0.0, octaves[-1], 9)
    values = rng.normal(0.0, spread, (n, knots.size))
    values += rng.normal(0.0, 0.5 * spread, (n, 1)) * np.linspace(-1.0, 1.0, knots.size)
    return np.stack([np.interp(octaves, knots, row) for row in values])


def record(rng: Generator, heard: Array, octaves: Array) -> Array:
    """Add coloured noise at a random level and set a random loudness.

    Args:
        rng: Of everything random.
        heard: Shape ``(clips, samples)``.
        octaves: Of the frequencies of a real FFT of twice as many samples.

    Returns:
        Shape ``(clips, samples)``: signal to noise 15 to 40 dB, peak -25 to -2 dB of full scale.
    """
    n, size = heard.shape
    colour = 10 ** (-rng.uniform(0.0, 6.0, (n, 1)) * octaves / 20)
    noise = np.fft.irfft(np.fft.rfft(rng.standard_normal((n, 2 * size))) * colour)[:, :size]
    snr = rng.uniform(15.0, 40.0, (n, 1))
    noise *= _rms(heard) / _rms(noise) * 10 ** (-snr / 20)
    mixed = heard + noise
    peak = 10 ** (rng.uniform(-25.0, -2.0, (n, 1)) / 20)
    scaled: Array = mixed * peak / np.abs(mixed).max(axis=1, keepdims=True)
    return scaled


def _rms(waves: Array) -> Array:
    power: Array = np.mean(waves**2, axis=1, keepdims=True)
    return np.sqrt(power) + 1e-12

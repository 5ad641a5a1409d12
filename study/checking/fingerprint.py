"""Spectral fingerprints: finding the same recording again after gain, shift, noise and codecs.

Two steps. A fingerprint per clip, which does not change with gain and hardly with a small shift
in time, is compared with all others in one matrix product; the best candidates are then compared by
their waveforms by the height of a whitened cross-correlation, which stands near 1 at one lag for
the same recording and stays below 0.6 for two recordings of the same word by the same speaker
(docs/log.md, 2026-11-22).
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from study.checking.measures import decibels, third_octaves

N_BANDS = 16  # third octaves from 100 Hz to 3.2 kHz: what recordings of 8 kHz and more share
N_MODULATIONS = 13  # 0 to 12 Hz
SIZE = N_BANDS * N_MODULATIONS
SAME = 0.65  # sameness from which two clips are the same recording

_RANGE = 40.0  # dB below the loudest frame and band that count: low noise lies below
_DIMENSIONS = 96
_CLIPS_PER_DIMENSION = 4  # or whitening would make all clips of a small corpus alike unlike
_ALIKE = 0.3  # cosine from which a pair is worth a look at its waveforms
_NEAREST = 3
_WHITENING = 0.8  # 1 is the phase transform (Knapp and Carter 1976), 0 plain correlation
_ROWS = 2048  # of the similarity matrix at a time


def fingerprint(power: NDArray[np.float32], hop_s: float, rate: int) -> NDArray[np.float32]:
    """Square roots of the modulation spectrum's magnitudes, shape ``(SIZE,)``.

    Magnitudes, since a shift in time changes the phases alone; levels relative to the loudest,
    so that a gain changes nothing; zero from 40 dB below on, so that low noise changes little.

    Args:
        power: A ``spectrogram``, shape ``(frames, bins)``.
        hop_s: Seconds from frame to frame.
        rate: Hz.
    """
    weights = third_octaves(rate, power.shape[1])[0][:N_BANDS]
    level = decibels(power @ weights.T.astype(np.float32))
    shown = np.maximum(level - level.max() + _RANGE, 0.0) / _RANGE
    magnitudes = np.abs(_waves(len(shown), hop_s) @ shown)
    bands: NDArray[np.float32] = np.zeros((N_MODULATIONS, N_BANDS), np.float32)
    bands[:, : magnitudes.shape[1]] = np.sqrt(magnitudes)
    return bands.ravel()


@functools.lru_cache(maxsize=64)
def _waves(n_frames: int, hop_s: float) -> NDArray[np.complex64]:
    turns = np.outer(np.arange(N_MODULATIONS), np.arange(n_frames) * hop_s)
    return np.exp(-2j * np.pi * turns).astype(np.complex64)


def whiten(fingerprints: NDArray[Any]) -> NDArray[np.float32]:
    """Unit vectors whose products are low for clips that merely sound alike.

    The directions in which the clips of a corpus differ most (loudness of speech, voice) are scaled
    down to those in which only copies agree.

    Args:
        fingerprints: Shape ``(clips, SIZE)``.

    Returns:
        Shape ``(clips, dimensions)``, 96 of them or a quarter of the clips.
    """
    x = fingerprints.astype(np.float32)
    x -= x.mean(0)
    variances, axes = np.linalg.eigh((x.T @ x).astype(np.float64) / max(len(x), 1))
    kept = min(_DIMENSIONS, max(len(x) // _CLIPS_PER_DIMENSION, 1))
    variances, axes = variances[-kept:], axes[:, -kept:]
    scale = 1 / np.sqrt(variances + 1e-3 * variances[-1] + 1e-12)
    z: NDArray[np.float32] = x @ (axes * scale).astype(np.float32)
    z /= np.linalg.norm(z, axis=1, keepdims=True) + 1e-12
    return z


def candidates(
    fingerprints: NDArray[Any], partition: NDArray[np.int64], *, most: int = 5000
) -> list[tuple[int, int]]:
    """Pairs of clips of different partitions that may be the same recording, the likeliest first.

    Args:
        fingerprints: Shape ``(clips, SIZE)``.
        partition: Codes, shape ``(clips,)``.
        most: Pairs at most.

    Returns:
        For each clip at most the three that are most like it in each other partition.
    """
    if len(fingerprints) < 2:
        return []
    z = whiten(fingerprints)
    found: dict[tuple[int, int], float] = {}
    codes = np.unique(partition)
    for code in codes:
        own = np.flatnonzero(partition == code)
        for other in (np.flatnonzero(partition == c) for c in codes if c != code):
            columns = np.ascontiguousarray(z[other].T)
            for start in range(0, own.size, _ROWS):
                rows = own[start : start + _ROWS]
                products = z[rows] @ columns
                for _ in range(min(_NEAREST, other.size)):
                    best = products.argmax(1)
                    height = products[np.arange(rows.size), best]
                    products[np.arange(rows.size), best] = -1.0
                    for k in np.flatnonzero(height >= _ALIKE):
                        a, b = int(rows[k]), int(other[best[k]])
                        found[min(a, b), max(a, b)] = float(height[k])
    return sorted(found, key=lambda pair: (-found[pair], pair))[:most]


def sameness(a: NDArray[Any], b: NDArray[Any]) -> float:
    """Height of the whitened cross-correlation of two waveforms at its best lag, in [0, 1].

    Args:
        a: Shape ``(samples,)``.
        b: Shape ``(samples,)``, at the same rate.

    >>> rng = np.random.default_rng(0)
    >>> x = rng.standard_normal(4000)
    >>> round(sameness(x, -0.2 * np.r_[np.zeros(100), x]), 2)
    1.0
    >>> sameness(x, rng.standard_normal(4000)) < 0.2
    True
    """
    n = 1 << (a.size + b.size).bit_length()
    first, second = _white_spectrum(a, n), _white_spectrum(b, n)
    correlation = np.fft.irfft(first * np.conj(second), n)
    energy = _energy(first, n) * _energy(second, n)
    return float(np.abs(correlation).max() / np.sqrt(energy)) if energy > 0 else 0.0


def _energy(spectrum: NDArray[np.complex128], n: int) -> float:
    """Of a real signal of ``n`` samples, from half of its spectrum (Parseval; ``n`` is even)."""
    power = np.abs(spectrum) ** 2
    return float(2 * power.sum() - power[0] - power[-1]) / n


def _white_spectrum(wave: NDArray[Any], n: int) -> NDArray[np.complex128]:
    spectrum = np.fft.rfft(wave.astype(np.float64), n)
    size = np.abs(spectrum)
    if not size.max() > 0:
        return spectrum
    white: NDArray[np.complex128] = spectrum * (size + 1e-3 * size.max()) ** -_WHITENING
    return white

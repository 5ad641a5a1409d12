"""What is measured of one recording: level, noise, silence and spectrum, in a few numbers.

None of it is about what is said: these are the traces of a microphone, a room and an editor, from
which neither partition nor label should be guessable (``study.checking.leakage``).
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

MEASURES = ("level", "peak", "floor", "floor_tilt", "lead", "trail", "tilt", "highs")

LONGEST = 120.0  # s of a recording whose spectrum is looked at
SILENT = -120.0  # dB, of digital silence
_QUIET = 25.0  # dB below the loudest frame: where leading and trailing silence end


def measure(wave: Array, rate: int, power: Array, hop: int) -> tuple[float, ...]:
    """The numbers of ``MEASURES`` of one recording.

    Args:
        wave: Shape ``(samples,)``, full scale 1.
        rate: Hz.
        power: Its ``spectrogram``.
        hop: Samples from frame to frame.

    Returns:
        ``level`` (RMS) and ``peak`` in dB of full scale; ``floor``, the level of the quietest
        tenth of the frames that are not digital silence, in dB of full scale, and ``floor_tilt``,
        the slope of those frames' spectrum in dB per octave; ``lead`` and
        ``trail``, the time in s before the first and after the last frame within 25 dB of the
        loudest one; ``tilt``, the slope of the long-term spectrum in dB per octave; ``highs``, the
        level of the highest half octave below 0.95 of the Nyquist frequency, in dB of the whole.

    >>> tone = np.sin(np.arange(8000, dtype=np.float32) * 0.5) * np.float32(0.5)
    >>> late = np.r_[np.zeros(4000, np.float32), tone]
    >>> numbers = dict(zip(MEASURES, measure(late, 8000, *spectrogram(late, 8000))))
    >>> [round(numbers[name], 1) for name in ("level", "peak", "floor", "lead", "trail")]
    [-10.8, -6.0, -9.0, 0.5, 0.0]
    """
    frames = decibels(power.sum(1))
    heard = frames > SILENT + 10
    floor = float(np.quantile(frames[heard], 0.1)) if heard.any() else SILENT
    quiet = power[heard & (frames <= floor)] if heard.any() else power
    loud = np.flatnonzero(frames > frames.max() - _QUIET) if heard.any() else np.array([0])
    long_term = power.mean(0, dtype=np.float64)
    nyquist = power.shape[1] - 1
    high = long_term[int(0.95 * nyquist / np.sqrt(2)) : int(0.95 * nyquist)].sum()
    return (
        float(decibels(np.mean(wave.astype(np.float64) ** 2))),
        float(decibels(np.max(np.abs(wave)) ** 2)),
        floor,
        _tilt(quiet.mean(0, dtype=np.float64), rate),
        float(loud[0] * hop / rate),
        float((len(frames) - 1 - loud[-1]) * hop / rate),
        _tilt(long_term, rate),
        float(decibels(high) - decibels(long_term.sum())),
    )


def _tilt(spectrum: NDArray[np.float64], rate: int) -> float:
    """Slope of a power spectrum over third octaves, in dB per octave."""
    bands, centres = third_octaves(rate, spectrum.size)
    octaves = np.log2(centres) - np.log2(centres).mean()
    return float(octaves @ decibels(bands @ spectrum) / (octaves @ octaves))


@functools.lru_cache(maxsize=16)
def third_octaves(rate: int, n_bins: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Sums of spectral bins in third octaves from 100 Hz up to 0.95 of the Nyquist frequency.

    Returns:
        Weights of shape ``(bands, n_bins)``, at least one bin a band, and the centres in Hz.
    """
    nyquist = rate / 2
    centres = 100.0 * 2.0 ** (np.arange(40) / 3)
    centres = centres[centres * 2 ** (1 / 6) <= 0.95 * nyquist]
    if centres.size < 2:  # a rate below about 350 Hz
        centres = nyquist * np.array([0.25, 0.5])
    edges = np.arange(n_bins) * nyquist / (n_bins - 1)
    inside = np.abs(np.log2(np.maximum(edges, 1e-9)[None] / centres[:, None])) <= 1 / 6
    nearest = np.abs(edges[None] - centres[:, None]).argmin(1)
    inside[np.arange(centres.size), nearest] = True
    return inside.astype(np.float64), centres


def spectrogram(wave: Array, rate: int) -> tuple[Array, int]:
    """Power of 25 ms windows every 10 ms, scaled so that a frame sums to its mean square.

    Returns:
        Shape ``(frames, bins)`` of at most the first 120 s, and the hop in samples.
    """
    wave = wave[: int(LONGEST * rate)]
    width, hop = max(int(0.025 * rate), 2), max(int(0.01 * rate), 1)
    if wave.size < width:
        wave = np.pad(wave, (0, width - wave.size))
    window = np.hanning(width + 2)[1:-1].astype(np.float32)
    n_fft = 1 << (width - 1).bit_length()
    cut = np.lib.stride_tricks.sliding_window_view(wave, width)[::hop]
    spectra: Any = np.fft.rfft(cut * window, n_fft)
    power = np.abs(spectra).astype(np.float32) ** 2
    power[:, 1:-1] *= 2  # the negative frequencies
    power /= np.float32(n_fft * np.sum(window**2))
    return power, hop


def decibels(power: Any) -> Any:
    """Power in dB of full scale, not below -120."""
    return 10 * np.log10(np.maximum(power, 10 ** (SILENT / 10)))

"""Voices for simulated corpora: a glottal source and noise through time-varying formants.

The source is a pulse train along a pitch contour plus breath; a clip is a random row of vowels,
fricatives and pauses with gliding formants. Vowels are mixtures of five, so that no two are equal.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

# First three formants of five vowels, Hz, of a vocal tract of length 1; the rest is set by length.
_VOWELS = np.array(
    [[730, 1150, 2440], [530, 1840, 2480], [280, 2250, 2890], [500, 900, 2400], [310, 870, 2240]],
    np.float64,
)
_UPPER = (3500.0, 4600.0, 5800.0, 7000.0)
_BANDWIDTHS = (70.0, 90.0, 130.0, 200.0, 300.0, 400.0, 500.0)
_FRICATIVES = ((6000.0, 2500.0, 1.0), (3200.0, 1500.0, 1.0), (4500.0, 6000.0, 0.4))  # Hz, Hz, gain

Array = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Voice:
    """What is particular to how one person sounds."""

    pitch: float  # Hz
    tract: float  # factor on every formant: below 1 is a long vocal tract
    tilt: float  # dB per octave above 500 Hz, on top of the formants' own
    breath: float  # aspiration noise relative to voicing
    sibilance: float  # gain of fricatives


def draw_voice(rng: Generator, *, high: bool) -> Voice:
    """A random voice: ``high`` is pitch and vocal tract as of most women, else of most men."""
    return Voice(
        pitch=rng.uniform(165, 240) if high else rng.uniform(90, 140),
        tract=rng.uniform(1.02, 1.22) if high else rng.uniform(0.86, 1.05),
        tilt=rng.normal(2.5, 1.0),
        breath=rng.uniform(0.02, 0.15),
        sibilance=float(np.exp(rng.normal(0.0, 0.4))),
    )


def speak(rng: Generator, voice: Voice, n: int, rate: int) -> Array:
    """One second of dry speech per clip: sources filtered frame by frame and overlap-added.

    Args:
        rng: Of everything random.
        voice: Who speaks.
        n: Clips.
        rate: Sampling rate, Hz.

    Returns:
        Shape ``(n, rate)``, of any loudness.
    """
    hop, width = rate // 100, rate // 50
    n_fft = 1 << width.bit_length()  # the formants ring for the rest of it
    n_frames = rate // hop + 1
    plans = [_plan(rng, voice, n_frames) for _ in range(n)]
    voicing, friction, formants, bands = (
        np.stack(parts).astype(np.float32) for parts in zip(*plans, strict=True)
    )
    frequencies = np.fft.rfftfreq(n_fft, 1 / rate).astype(np.float32)
    tilt = 10 ** (voice.tilt * np.log2(np.maximum(frequencies, 500.0) / 500.0) / 20)
    tract = tilt * _resonances(frequencies, formants, np.array(_BANDWIDTHS) * voice.tract)
    hiss = _resonances(frequencies, bands[..., :1], bands[..., 1:])
    hiss *= np.minimum(frequencies / bands[..., :1], 1.0) ** 2
    white = rng.standard_normal((n, rate + width), np.float32)
    pulses = _pulses(rng, voice, n, rate + width, rate).astype(np.float32)
    window = np.hanning(width + 1)[:-1].astype(np.float32)
    spectra = _frames(pulses + voice.breath * 0.3 * white, hop, n_frames, window, n_fft)
    spectra *= tract * voicing[..., None]
    noisy = _frames(white, hop, n_frames, window, n_fft)
    spectra += noisy * hiss * (0.25 * voice.sibilance * friction[..., None])
    framed = np.fft.irfft(spectra, n_fft)
    waves = np.zeros((n, n_frames * hop + n_fft), np.float32)
    for t in range(n_frames):
        waves[:, t * hop : t * hop + n_fft] += framed[:, t]
    return waves[:, width // 2 : width // 2 + rate]


def _frames(waves: Array, hop: int, n_frames: int, window: Array, n_fft: int) -> Any:
    """Windowed spectra, shape ``(clips, frames, frequencies)``."""
    cut = np.lib.stride_tricks.sliding_window_view(waves, window.size, axis=1)[:, ::hop]
    return np.fft.rfft(cut[:, :n_frames] * window, n_fft)


def _resonances(frequencies: Array, centres: Array, widths: Array) -> Any:
    """Product of two-pole resonances, shape ``(clips, frames, frequencies)``, complex."""
    response: Any = 1.0
    for k in range(centres.shape[-1]):
        ratio = frequencies / centres[..., k, None]
        width = np.broadcast_to(widths[..., k], centres.shape[:-1])[..., None]
        response = response * (1 - ratio**2 + 1j * ratio * (width / centres[..., k, None]))
    return 1 / response


def _pulses(rng: Generator, voice: Voice, n: int, length: int, rate: int) -> Array:
    """Glottal pulses along a pitch contour, shape ``(clips, length)``, placed between samples."""
    knots = np.linspace(0, length, 6)
    contour = voice.pitch * np.exp(rng.normal(0.0, 0.1, (n, 1)) + rng.normal(0.0, 0.1, (n, 6)))
    pitch = np.stack([np.interp(np.arange(length), knots, row) for row in contour])
    phase = np.cumsum(pitch / rate, axis=1) + rng.uniform(0.0, 1.0, (n, 1))
    turn = np.diff(np.floor(phase), axis=1, prepend=np.floor(phase[:, :1])) > 0
    late = np.where(turn, (phase % 1.0) / (pitch / rate), 0.0)  # part of a sample since the turn
    size = np.where(turn, 1.0 + 0.1 * rng.standard_normal(phase.shape), 0.0)
    size *= 8.0  # comparable to unit noise
    pulses = size * (1.0 - late)
    pulses[:, :-1] += (size * late)[:, 1:]
    return pulses


def _plan(rng: Generator, voice: Voice, n_frames: int) -> tuple[Array, Array, Array, Array]:
    """The sounds of one clip.

    Returns:
        Voicing and friction, shape ``(frames,)``; formants, shape ``(frames, 7)``, and the
        friction's centre and width, shape ``(frames, 2)``, in Hz.
    """
    voicing, friction = np.zeros(n_frames), np.zeros(n_frames)
    formants, bands = np.empty((n_frames, 7)), np.empty((n_frames, 2))
    at = -int(rng.integers(0, 10))
    while at < n_frames:
        kind = rng.choice(4, p=(0.55, 0.25, 0.08, 0.12))  # vowel, fricative, both, pause
        until = at + int(rng.integers(*((8, 22), (6, 14), (5, 9), (5, 18))[kind]))
        here = slice(max(at, 0), max(until, 0))
        loud = float(np.exp(rng.normal(0.0, 0.3)))
        mix = rng.dirichlet(np.full(len(_VOWELS), 0.4))
        formants[here, :3] = mix @ _VOWELS * voice.tract
        formants[here, 3:] = np.array(_UPPER) * voice.tract
        centre, width, gain = _FRICATIVES[rng.integers(len(_FRICATIVES))]
        bands[here] = np.array([centre, width]) * voice.tract * rng.uniform(0.9, 1.1)
        if kind in (0, 2):
            voicing[here] = loud * (0.5 if kind == 2 else 1.0)
        if kind in (1, 2):
            friction[here] = loud * gain
        at = until
    kernel = np.hanning(9)[1:-1] / np.hanning(9).sum()
    soft = [np.convolve(np.pad(x, 3, "edge"), kernel, "valid") for x in (voicing, friction)]
    glide = np.apply_along_axis(
        lambda x: np.convolve(np.pad(x, 3, "edge"), kernel, "valid"), 0, formants
    )
    return soft[0], soft[1], glide, bands

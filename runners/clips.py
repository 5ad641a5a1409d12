"""A corpus as one ragged int16 array that every worker maps into memory.

Clips of unequal length lie one after another in ``samples``; ``offsets`` says where each begins.
One scale per clip keeps float recordings that go over full scale.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import ArrayLike, NDArray

from runners.npy_files import load_array
from search_spaces.grammar.errors import InputError

FORMAT = 1
PCM16_SCALE = 1.0 / 32768.0  # what 16-bit PCM means; also the scale of a silent clip


def quantise(waveform: ArrayLike) -> tuple[NDArray[np.int16], float]:
    """Round a waveform to 16 bits so that its peak uses the whole range.

    Args:
        waveform: Shape ``(samples,)``, any finite float range.

    Returns:
        The samples and the scale that brings them back: ``waveform = samples * scale``.

    >>> samples, scale = quantise([0.0, 2.0, -4.0])
    >>> samples.tolist(), round(float(samples[2] * scale), 6)
    ([0, 16384, -32767], -4.0)
    """
    wave = np.asarray(waveform, dtype=np.float64)
    peak = float(np.abs(wave).max()) if wave.size else 0.0
    scale = np.float32(peak / 32767.0)
    if not scale > np.finfo(np.float32).tiny:  # silence, or too quiet for a normal float32
        return np.zeros(wave.shape, np.int16), PCM16_SCALE
    rounded = np.clip(np.rint(wave / np.float64(scale)), -32768, 32767)
    return rounded.astype(np.int16), float(scale)


@dataclass(frozen=True, eq=False)
class Clips:
    """A ragged corpus of waveforms at one sampling rate.

    Attributes:
        samples: All clips one after another, shape ``(total,)``; memory-mapped when opened.
        offsets: Where each clip begins, shape ``(clips + 1,)``; the last is ``total``.
        scale: One factor per clip, shape ``(clips,)``: ``waveform = samples * scale``.
        sampling_rate: Hz.
    """

    samples: NDArray[np.int16]
    offsets: NDArray[np.int64]
    scale: NDArray[np.float32]
    sampling_rate: int

    @classmethod
    def open(cls, folder: Path, *, verify: bool = False) -> Clips:
        """Map a written corpus into memory.

        Args:
            folder: What :class:`ClipsWriter` made.
            verify: Also hash every sample and compare with the stored digest; reads all of it.

        Raises:
            InputError: A file is missing, truncated, of another format or not a corpus at all.
        """
        about = _read_about(folder / "clips.json")
        samples = _load(folder / "samples.npy", np.int16, mapped=True)
        offsets = _load(folder / "offsets.npy", np.int64)
        scale = _load(folder / "scale.npy", np.float32)
        n = about["n"]
        if offsets.size != n + 1 or scale.size != n:
            raise InputError(
                f"{folder}: offsets.npy and scale.npy must describe the n={n} clips of clips.json, "
                f"got {offsets.size - 1} and {scale.size}"
            )
        if offsets[0] != 0 or offsets[-1] != samples.size or bool(np.any(np.diff(offsets) < 0)):
            raise InputError(
                f"{folder / 'offsets.npy'}: offsets must rise from 0 to the {samples.size} samples "
                f"of samples.npy, got {offsets[0]} to {offsets[-1]}"
            )
        if not bool(np.all(np.isfinite(scale) & (scale > 0))):
            raise InputError(f"{folder / 'scale.npy'}: every scale must be finite and above 0")
        clips = cls(samples, offsets, scale, about["sampling_rate"])
        if verify and (found := clips.digest()) != about["digest"]:
            raise InputError(
                f"{folder}: the samples must have the digest of clips.json "
                f"({about['digest'][:12]}), got {found[:12]}"
            )
        return clips

    def __len__(self) -> int:
        return len(self.scale)

    def n_samples(self, i: int) -> int:
        """Length of clip ``i`` in samples."""
        i = range(len(self))[i]
        return int(self.offsets[i + 1] - self.offsets[i])

    def waveform(self, i: int) -> NDArray[np.float32]:
        """Clip ``i`` as it was recorded, shape ``(samples,)``; negative ``i`` counts back.

        Raises:
            IndexError: There is no such clip.
        """
        i = range(len(self))[i]
        cut = self.samples[self.offsets[i] : self.offsets[i + 1]]
        wave: NDArray[np.float32] = cut.astype(np.float32) * self.scale[i]
        return wave

    def durations(self) -> NDArray[np.float64]:
        """Length of every clip in seconds, shape ``(clips,)``."""
        return np.diff(self.offsets) / self.sampling_rate

    def digest(self) -> str:
        """SHA-256 of samples, offsets, scales and sampling rate; reads everything."""
        sha = hashlib.sha256()
        for start in range(0, self.samples.size, 1 << 22):
            sha.update(np.ascontiguousarray(self.samples[start : start + (1 << 22)]).data)
        return _finish(sha, self.offsets, self.scale, self.sampling_rate)


class ClipsWriter:
    """Write a corpus clip by clip, holding none of it in memory.

    Used as a context manager: on a clean exit the folder appears under its name, on an exception
    nothing stays behind.

    Args:
        folder: Must not exist yet; a sibling ``<name>.partial`` is used meanwhile.
        sampling_rate: Hz.

    Raises:
        FileExistsError: There is something at ``folder`` already.
    """

    def __init__(self, folder: Path, sampling_rate: int) -> None:
        if folder.exists():
            raise FileExistsError(f"{folder}: a corpus is never written over another")
        self._folder = folder
        self._partial = folder.with_name(folder.name + ".partial")
        self._rate = sampling_rate
        self._sha = hashlib.sha256()
        self._offsets = [0]
        self._scale: list[float] = []

    def __enter__(self) -> ClipsWriter:
        shutil.rmtree(self._partial, ignore_errors=True)  # left by a killed process
        self._partial.mkdir(parents=True)
        self._file = (self._partial / "samples.npy").open("w+b")
        _write_header(self._file, 0)
        return self

    def append(self, samples: NDArray[np.int16], scale: float | np.float32) -> None:
        """Add one clip: int16 of shape ``(samples,)`` and its factor (finite, above 0)."""
        if samples.dtype != np.int16 or samples.ndim != 1:
            raise ValueError(f"samples must be int16 (n,), got {samples.dtype} {samples.shape}")
        data = np.ascontiguousarray(samples).data
        self._file.write(data)
        self._sha.update(data)
        self._offsets.append(self._offsets[-1] + samples.size)
        self._scale.append(float(scale))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                self._finish()
        finally:
            self._file.close()
            shutil.rmtree(self._partial, ignore_errors=True)

    def _finish(self) -> None:
        self._file.seek(0)
        _write_header(self._file, self._offsets[-1])
        self._file.close()
        offsets = np.array(self._offsets, np.int64)
        scale = np.array(self._scale, np.float32)
        np.save(self._partial / "offsets.npy", offsets, allow_pickle=False)
        np.save(self._partial / "scale.npy", scale, allow_pickle=False)
        about = {
            "format": FORMAT,
            "sampling_rate": self._rate,
            "n": len(self._scale),
            "digest": _finish(self._sha, offsets, scale, self._rate),
        }
        (self._partial / "clips.json").write_text(json.dumps(about, indent=2) + "\n", "utf-8")
        self._partial.rename(self._folder)


def _write_header(file: BinaryIO, n: int) -> None:
    """A .npy header; numpy leaves room for any length, so it is written again at the end."""
    about = {"descr": "<i2", "fortran_order": False, "shape": (n,)}
    np.lib.format.write_array_header_1_0(file, about)


def _finish(sha: Any, offsets: NDArray[np.int64], scale: NDArray[np.float32], rate: int) -> str:
    sha.update(np.ascontiguousarray(offsets).data)
    sha.update(np.ascontiguousarray(scale).data)
    sha.update(str(rate).encode())
    return str(sha.hexdigest())


def _read_about(path: Path) -> dict[str, Any]:
    try:
        about = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: must be a cached corpus's description, got {error}") from error
    if not isinstance(about, dict) or about.get("format") != FORMAT:
        found = about.get("format") if isinstance(about, dict) else about
        raise InputError(f"{path}: format must be {FORMAT}, got {found!r}")
    for key, kind in (("sampling_rate", int), ("n", int), ("digest", str)):
        if not isinstance(about.get(key), kind):
            raise InputError(f"{path}: {key} must be {kind.__name__}, got {about.get(key)!r}")
    return about


def _load(path: Path, dtype: type[np.generic], *, mapped: bool = False) -> NDArray[Any]:
    array = load_array(path, mapped=mapped)
    if array.dtype != dtype or array.ndim != 1:
        what = f"{array.dtype} {array.shape}"
        raise InputError(f"{path}: must be one {np.dtype(dtype).name} axis, got {what}")
    return array

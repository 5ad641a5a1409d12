"""Decode a corpus once, keep it, and know again next time that nothing changed.

    <cache root>/files/<corpus folder>.json   size, mtime and SHA-256 of every audio file
    <cache root>/clips/<audio and rate>/      samples.npy offsets.npy scale.npy clips.json

The second is found by what the audio is, not by where it lies: a corpus that was moved, copied or
labelled anew is not decoded again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from runners.clips import Clips, ClipsWriter
from search_spaces.errors import InputError
from study.corpus import Clip, Corpus
from study.decode import DECODER, Decoded, decode_files, n_cores
from study.layouts import Problems

__all__ = ["CachedCorpus", "cache_corpus", "default_cache_root"]

Progress = Callable[[int, int], None]
_FORMAT = 1  # raised when the decoder or the resampler gives other samples
_RULE = "must be an audio file with finite samples"


@dataclass(frozen=True, eq=False)
class CachedCorpus:
    """A corpus with its waveforms.

    Attributes:
        corpus: Names, labels, partitions, speakers.
        clips: Waveforms in the order of ``corpus.clips``, memory-mapped.
        digests: SHA-256 of each audio file's bytes, in the same order.
        digest: Of the whole corpus: names, audio, labels, partitions and speakers.
        folder: Where the arrays lie; ``Clips.open(folder)`` in another process maps them too.
    """

    corpus: Corpus
    clips: Clips
    digests: tuple[str, ...]
    digest: str
    folder: Path

    def summary(self) -> str:
        """The corpus in about ten lines, with durations."""
        return self.corpus.summary(self.clips.durations().tolist())


def default_cache_root() -> Path:
    """``$SPECTUNE_CACHE``, else ``$XDG_CACHE_HOME/spectune``, else ``~/.cache/spectune``."""
    if given := os.environ.get("SPECTUNE_CACHE"):
        return Path(given).expanduser()
    if base := os.environ.get("XDG_CACHE_HOME"):
        return Path(base) / "spectune"
    return Path.home() / ".cache" / "spectune"


def cache_corpus(
    corpus: Corpus,
    sampling_rate: int,
    cache_root: Path,
    progress: Progress | None = None,
    *,
    workers: int | None = None,
    seconds_per_file: float = 60.0,
    command: Sequence[str] = DECODER,
) -> CachedCorpus:
    """Decode and resample every clip once; later calls only look at sizes and times.

    Several processes may do this at once: one decodes, the others wait for it.

    Args:
        corpus: What was read.
        sampling_rate: Hz, of the cached samples.
        cache_root: Made when missing.
        progress: Called with clips done and clips in all, only while decoding.
        workers: Decoders at a time; all cores when None.
        seconds_per_file: See :func:`study.decode.decode_files`.
        command: See :func:`study.decode.decode_files`.

    Raises:
        InputError: Naming every clip that could not be decoded, or the cache that cannot be
            written; nothing is cached then.
    """
    if sampling_rate < 1:
        raise InputError(f"sampling_rate must be at least 1 Hz, got {sampling_rate}")
    try:
        digests = _file_digests(corpus, cache_root, workers)
        parts = [f"{_FORMAT} {sampling_rate}", *digests]
        folder = cache_root.resolve() / "clips" / _sha(parts)[:32]
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{folder}.lock"):
            clips = _open(folder)
            if clips is None:
                decoded = decode_files(
                    [clip.path for clip in corpus.clips],
                    sampling_rate,
                    workers=workers,
                    seconds_per_file=seconds_per_file,
                    command=command,
                )
                with contextlib.closing(decoded):
                    _write(folder, sampling_rate, corpus, digests, decoded, progress)
                clips = Clips.open(folder)
    except OSError as error:
        raise InputError(f"{cache_root}: the cache folder must be writable, got {error}") from error
    rows = zip(corpus.clips, digests, strict=True)
    return CachedCorpus(corpus, clips, digests, _sha(map(_row, rows)), folder)


def _row(pair: tuple[Clip, str]) -> str:
    clip, digest = pair
    return json.dumps([clip.file_name, digest, clip.label, clip.partition, clip.speaker])


def _sha(lines: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _open(folder: Path) -> Clips | None:
    """What is cached; a damaged cache is removed, since it can be made again."""
    if not folder.exists():
        return None
    try:
        return Clips.open(folder)
    except InputError:
        shutil.rmtree(folder)
        return None


def _write(
    folder: Path,
    sampling_rate: int,
    corpus: Corpus,
    digests: Sequence[str],
    decoded: Iterable[Decoded | str],
    progress: Progress | None,
) -> None:
    problems = Problems()
    with ClipsWriter(folder, sampling_rate) as writer:
        for done, (clip, digest, result) in enumerate(
            zip(corpus.clips, digests, decoded, strict=True), start=1
        ):
            if isinstance(result, str):
                problems.add(*_where(corpus, clip, result))
            elif result.digest != digest:
                problems.add(*_where(corpus, clip, "one that changed while it was read"))
            elif not len(problems):
                writer.append(result.samples, result.scale)
            if progress is not None:
                progress(done, len(corpus.clips))
        if len(problems):
            raise InputError([f"{corpus.root}: {told}" for told in problems.sentences()])


def _where(corpus: Corpus, clip: Clip, fault: str) -> tuple[str, None, str, str]:
    name = clip.path.relative_to(corpus.root).as_posix()
    return name, None, _RULE, fault


def _file_digests(corpus: Corpus, cache_root: Path, workers: int | None) -> tuple[str, ...]:
    """SHA-256 of every audio file; only files of another size or mtime are read again."""
    index = cache_root.resolve() / "files" / f"{_sha([os.fspath(corpus.root)])[:32]}.json"
    index.parent.mkdir(parents=True, exist_ok=True)
    known = _read_index(index)
    names = [os.fspath(clip.path) for clip in corpus.clips]
    problems = Problems()
    stamps: list[tuple[int, int] | None] = []
    for clip, name in zip(corpus.clips, names, strict=True):
        try:
            stat = os.stat(name)  # noqa: PTH116 (36,000 of them: half the time of Path.stat)
            stamps.append((stat.st_size, stat.st_mtime_ns))
        except OSError as error:
            stamps.append(None)
            problems.add(*_where(corpus, clip, f"one that cannot be read: {error.strerror}"))
    fresh = {
        name: known[name][2]
        for name, stamp in zip(names, stamps, strict=True)
        if name in known and stamp == (known[name][0], known[name][1])
    }
    missing = [i for i, name in enumerate(names) if stamps[i] is not None and name not in fresh]
    with ThreadPoolExecutor(workers or n_cores()) as pool:
        hashed = pool.map(_hash_file, [names[i] for i in missing])
        for i, found in zip(missing, hashed, strict=True):
            if isinstance(found, OSError):
                fault = f"one that cannot be read: {found.strerror}"
                problems.add(*_where(corpus, corpus.clips[i], fault))
            else:
                fresh[names[i]] = found
    if len(problems):
        raise InputError([f"{corpus.root}: {told}" for told in problems.sentences()])
    if missing or len(known) != len(names):
        rows = {
            name: [*(stamp or ()), fresh[name]] for name, stamp in zip(names, stamps, strict=True)
        }
        with FileLock(f"{index}.lock"):
            partial = index.with_suffix(".partial")
            partial.write_text(json.dumps(rows), "utf-8")
            partial.replace(index)
    return tuple(fresh[name] for name in names)


def _hash_file(name: str) -> str | OSError:
    try:
        with open(name, "rb") as file:  # noqa: PTH123 (as above)
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        return error


def _read_index(path: Path) -> dict[str, tuple[int, int, str]]:
    """The stored digests; none where the file is missing or damaged (they are made again)."""
    try:
        rows = json.loads(path.read_text("utf-8"))
        return {
            name: (int(size), int(mtime), str(sha)) for name, (size, mtime, sha) in rows.items()
        }
    except (OSError, ValueError, AttributeError, TypeError):
        return {}

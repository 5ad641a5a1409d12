"""Decode a corpus once, keep it, and know again next time that nothing changed.

    <cache root>/files/<corpus folder>.json   size, mtime and SHA-256 of every audio file
    <cache root>/decoding/<folder and rate>/  what is decoded of a corpus that is not whole yet
    <cache root>/clips/<audio and rate>/      samples.npy offsets.npy scale.npy clips.json

The last is found by what the audio is, not by where it lies: a corpus that was moved, copied or
labelled anew is not decoded again. A decode that was killed, or that some files spoilt, leaves what
it has decoded; the next one goes on from there. Nothing is held in memory but a few clips.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from filelock import FileLock

from runners.clips import Clips, ClipsWriter
from search_spaces.grammar.errors import InputError
from study.corpus.audio.decode import DECODER, Decoding, decode_files
from study.corpus.audio.decoded_store import DecodedStore
from study.corpus.audio.file_digests import AUDIO_RULE, FileDigest, audio_digest, digest_files
from study.corpus.clip import Clip
from study.corpus.corpus import Corpus
from study.corpus.layouts import Problems
from study.corpus.summary import summarise
from study.files import digest_lines
from study.progress import Progress, no_progress

_FORMAT = 2  # raised when the decoder or the resampler gives other samples


@dataclass(frozen=True, eq=False)
class CachedCorpus:
    """A corpus with its waveforms."""

    corpus: Corpus  # names, labels, partitions, speakers
    clips: Clips  # waveforms in the order of `corpus.clips`, memory-mapped
    # SHA-256 of each audio file's bytes, in the same order; of a segment, of the file's digest and
    # its times
    digests: tuple[str, ...]
    digest: str  # of the whole corpus: names, audio, labels, partitions, speakers and metadata
    folder: Path  # where the arrays lie; `Clips.open(folder)` in another process maps them too

    def summary(self) -> str:
        """The corpus in about ten lines, with durations."""
        rate = f"{self.clips.sampling_rate:,} Hz"
        return summarise(self.corpus, self.clips.durations().tolist(), rate)


def default_cache_root() -> Path:
    """``$SPECTUNE_CACHE``, else ``$XDG_CACHE_HOME/spectune``, else ``~/.cache/spectune``.

    Raises:
        InputError: There is no home folder, or none of the user that ``~name`` names.
    """
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    given = os.environ.get("SPECTUNE_CACHE") or f"{base}/spectune"
    try:
        return Path(given).expanduser()
    except RuntimeError as error:
        raise InputError(
            f"SPECTUNE_CACHE must name a folder for the corpus cache, got {given!r}, and there is"
            " no such home folder"
        ) from error


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
        seconds_per_file: See :func:`study.corpus.audio.decode.decode_files`.
        command: See :func:`study.corpus.audio.decode.decode_files`.

    Raises:
        InputError: Naming every clip that could not be decoded, or the cache that cannot be
            written; what could be decoded is kept for the next call.
    """
    if sampling_rate < 1:
        raise InputError(f"sampling_rate must be at least 1 Hz, got {sampling_rate}")
    cache_root = cache_root.resolve()
    decode = partial(
        decode_files,
        sampling_rate=sampling_rate,
        workers=workers,
        seconds_per_file=seconds_per_file,
        command=command,
    )
    try:
        index = cache_root / "files" / f"{digest_lines([os.fspath(corpus.root)])[:32]}.json"
        paths = list(dict.fromkeys(clip.path for clip in corpus.clips))
        files = digest_files(paths, corpus.root, index, workers=workers)
        digests = tuple(
            audio_digest(files[clip.path].sha256, clip.start, clip.end) for clip in corpus.clips
        )
        folder = cache_root / "clips" / _name(sampling_rate, *digests)
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{folder}.lock"):
            clips = _open(folder)
            if clips is None:
                left = cache_root / "decoding" / _name(sampling_rate, os.fspath(corpus.root))
                left.parent.mkdir(exist_ok=True)
                with FileLock(f"{left}.lock"):
                    with DecodedStore(left) as store:
                        _decode(corpus, digests, files, store, decode, progress or no_progress)
                        with ClipsWriter(folder, sampling_rate) as writer:
                            for digest in digests:
                                writer.append(*store.read(digest))
                    shutil.rmtree(left)
                clips = Clips.open(folder)
    except OSError as error:
        raise InputError(
            f"{cache_root}: the cache folder must be writable (SPECTUNE_CACHE names another), got"
            f" {error}"
        ) from error
    rows = [_row(clip, digest) for clip, digest in zip(corpus.clips, digests, strict=True)]
    return CachedCorpus(corpus, clips, digests, digest_lines(rows), folder)


def _row(clip: Clip, digest: str) -> str:
    row = [clip.file_name, digest, clip.label, clip.partition, clip.speaker]
    return json.dumps([*row, dict(clip.metadata)] if clip.metadata else row)


def _name(sampling_rate: int, *parts: str) -> str:
    return digest_lines([f"{_FORMAT} {sampling_rate}", *parts])[:32]


def _open(folder: Path) -> Clips | None:
    """What is cached; a damaged cache is removed, since it can be made again."""
    if not folder.exists():
        return None
    try:
        return Clips.open(folder)
    except InputError:
        shutil.rmtree(folder)
        return None


def _decode(
    corpus: Corpus,
    digests: Sequence[str],
    files: Mapping[Path, FileDigest],
    store: DecodedStore,
    decode: Callable[..., Decoding],
    progress: Progress,
) -> None:
    """Decode what the store does not have, equal audio once; all faults are raised at the end."""
    clips: dict[str, list[Clip]] = {}
    for clip, digest in zip(corpus.clips, digests, strict=True):
        clips.setdefault(digest, []).append(clip)
    missing = [(digest, same) for digest, same in clips.items() if digest not in store]
    done = len(digests) - sum(len(same) for _, same in missing)
    problems = Problems()
    paths = [same[0].path for _, same in missing]
    with decode(paths, segments=[(same[0].start, same[0].end) for _, same in missing]) as decoded:
        for (digest, same), result in zip(missing, decoded, strict=True):
            file = files[same[0].path]
            fault = result if isinstance(result, str) else None
            if not isinstance(result, str):
                if result.stamp == (file.size, file.mtime_ns):
                    store.add(digest, result.samples, result.scale)
                else:
                    fault = "one that changed while it was read"
            for clip in same:
                if fault is not None:
                    name = os.path.relpath(clip.path, corpus.root)
                    problems.add(name, None, AUDIO_RULE, fault)
                done += 1
                progress(done, len(digests))
    problems.check(corpus.root)

"""Which pieces of which clips a simulated mask corpus is made of, and who wears a mask in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from search_spaces.grammar.errors import InputError
from study.corpus.clip import Clip
from study.corpus.corpus import Corpus
from study.corpus.layouts.names import PARTITIONS

CLASSES = ("clear", "mask")
SHARES = {"train": 12, "devel": 10, "test": 10}  # speakers, as in the real corpus


@dataclass(frozen=True)
class Piece:
    """One clip of the corpus to come."""

    file_name: str  # what it will be called; says nothing about speaker or class
    clip: int  # the clip it is cut from, by position
    start: int  # first sample of that clip
    stop: int  # sample after the last
    voice: str  # whose voice; see `voice_of`
    partition: str  # of the corpus to come
    label: str  # `clear` or `mask`
    number: int  # of this voice's pieces, from 0


def voice_of(clip: Clip) -> str:
    """The speaker of a clip; where none is known every clip is somebody else's."""
    return f"clip {clip.file_name}" if clip.speaker is None else clip.speaker


def partitions_by_speaker(corpus: Corpus, *, seed: int) -> dict[str, str]:
    """The partition of every voice.

    The corpus's own partitions are kept unless a speaker is in two of them; then whole speakers are
    dealt out anew at random.

    Raises:
        InputError: Speakers are in several partitions, and of some clips the speaker is not known,
            or there is only one.
    """
    of: dict[str, set[str]] = {}
    for clip in corpus.clips:
        of.setdefault(voice_of(clip), set()).add(clip.partition)
    shared = sorted(voice for voice, partitions in of.items() if len(partitions) > 1)
    if not shared:
        return {voice: next(iter(partitions)) for voice, partitions in of.items()}
    unknown = sum(clip.speaker is None for clip in corpus.clips)
    if unknown:
        raise InputError(
            f"{corpus.root}: where a speaker is in several partitions every clip must have a"
            f" speaker, got {shared[0]!r} in {' and '.join(sorted(of[shared[0]]))} and {unknown:,}"
            f" clips without one"
        )
    if len(of) < 2:
        raise InputError(f"{corpus.root}: there must be at least 2 speakers, got {len(of)}")
    order = np.random.default_rng([seed, len(of)]).permutation(sorted(of))
    ends = np.cumsum([SHARES[name] for name in PARTITIONS]) / sum(SHARES.values()) * len(of)
    bounds = np.maximum(np.rint(ends), [1, 2, 0]).astype(int)
    return {
        str(voice): PARTITIONS[int(np.searchsorted(bounds, i, side="right"))]
        for i, voice in enumerate(order)
    }


def plan_pieces(
    corpus: Corpus,
    lengths: Sequence[int],
    partition_of: Mapping[str, str],
    *,
    samples: int | None,
    seed: int,
) -> list[Piece]:
    """Cut clips, share each voice's pieces out to the classes, and name them.

    Args:
        corpus: The clear speech.
        lengths: Samples of every clip; 0 leaves it out.
        partition_of: See :func:`partitions_by_speaker`.
        samples: Longer clips are cut into pieces of this many, the rest is dropped; None: not cut.
        seed: Of the classes and the order.

    Returns:
        Pieces in the order of their file names.
    """
    cuts: dict[str, list[tuple[int, int, int]]] = {}
    for i, (clip, length) in enumerate(zip(corpus.clips, lengths, strict=True)):
        size = length if samples is None else min(samples, length)
        starts = range(0, length - size + 1, size) if length else ()
        cuts.setdefault(voice_of(clip), []).extend((i, start, start + size) for start in starts)
    rng = np.random.default_rng([seed, 1])
    pieces: list[Piece] = []
    for partition in PARTITIONS:
        here = []
        for voice in sorted(cuts):
            if partition_of[voice] != partition:
                continue
            # Which class has one more where their number is odd is a matter of chance too.
            codes = rng.permutation((np.arange(len(cuts[voice])) + rng.integers(2)) % 2)
            for number, (cut, code) in enumerate(zip(cuts[voice], codes, strict=True)):
                here.append((*cut, voice, partition, CLASSES[code], number))
        for n, k in enumerate(rng.permutation(len(here)), start=1):
            pieces.append(Piece(f"{partition}_{n:05d}.wav", *here[k]))
    return pieces

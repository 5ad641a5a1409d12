"""A corpus of constant clips, and decoders that do more than decode; imported, not collected."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile

from study.corpus import read_corpus
from study.corpus.audio.waveform_cache import CachedCorpus, cache_corpus

RATE = 8000
NO_DECODER = ("false",)


def make(root: Path, n: int = 4) -> Path:
    """Clips of five lengths; clip ``i`` is a constant ``i + 1``."""
    (root / "wav").mkdir(parents=True)
    (root / "lab").mkdir()
    for i in range(n):
        wave = np.full(10 + 7 * (i % 5), i + 1, np.int16)
        soundfile.write(root / f"wav/{name(i)}", wave, RATE, subtype="PCM_16")
    label(root, n)
    return root


def name(i: int) -> str:
    """The name of clip ``i``; half of the clips are of train."""
    return f"{('train', 'train', 'devel', 'test')[i % 4]}_{i}.wav"


def label(root: Path, n: int = 4, classes: Sequence[str] = ("a", "b")) -> None:
    """Write the label file."""
    rows = [f"{name(i)},{'?' if i % 4 == 3 else classes[i % 2]}" for i in range(n)]
    (root / "lab/labels.csv").write_text("\n".join(["file_name,label", *rows]))


def cached(root: Path, cache: Path, *, rate: int = RATE, **options: object) -> CachedCorpus:
    """The corpus from the cache; decoded by one decoder, since fewer of them start faster."""
    given: dict[str, object] = {"workers": 1} | options
    return cache_corpus(read_corpus(root), rate, cache, **given)  # type: ignore[arg-type]


def whole_corpora(cache: Path) -> list[Path]:
    """The folders of what is decoded as a whole."""
    return sorted(path for path in (cache / "clips").glob("*") if path.suffix != ".lock")


def left_behind(cache: Path) -> list[Path]:
    """The folders of what is decoded of a corpus that is not whole yet."""
    return sorted(path for path in (cache / "decoding").glob("*") if path.suffix != ".lock")


def decoder(first: str) -> tuple[str, ...]:
    """The command of a real decoder that runs ``first`` before each file, which is its `path`."""
    code = f"""
import os, sys, time
import study.corpus.audio.decoder
answer = study.corpus.audio.decoder._answer
def after_more(request, *rest):
    path = request[0]
{textwrap.indent(first, "    ")}
    return answer(request, *rest)
study.corpus.audio.decoder._answer = after_more
study.corpus.audio.decoder.main(sys.argv[1:])
"""
    return (sys.executable, "-P", "-c", code)


def logging_decoder(log: Path) -> tuple[str, ...]:
    """The command of a decoder that writes the name of each file to ``log``, a line each."""
    log.touch()
    return decoder(f"with open({str(log)!r}, 'a') as log: print(os.path.basename(path), file=log)")

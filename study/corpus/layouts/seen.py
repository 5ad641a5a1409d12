"""What is in a folder that no layout knows, in a few words."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

from study.corpus.layouts.audio_files import OTHER_KIND, find_audio
from study.corpus.layouts.tables import header_of
from study.text import first_of

_MOST = 4


def seen(root: Path) -> str:
    """What a person would say is there, as the end of a sentence that begins with "there".

    Counts audio files by kind, names folders and CSV files with their columns.
    """
    parts = []
    audio = find_audio(root)
    parts += [f"{n:,} {kind} files" for kind, n in _kinds(audio.names)]
    other = _kinds(audio.left_out.get(OTHER_KIND, []))
    parts += [f"{n:,} {kind} files, which cannot be read" for kind, n in other]
    entries = sorted(root.iterdir(), key=lambda path: path.name)
    folders = [path.name for path in entries if path.is_dir() and not path.name.startswith(".")]
    if folders:
        parts.append(f"folders {first_of(folders, _MOST)}")
    for path in [path for path in entries if path.suffix.lower() == ".csv"][:_MOST]:
        columns = [repr(name) for name in header_of(path)]
        parts.append(f"{path.name} with the columns {first_of(columns, _MOST) or 'of no CSV'}")
    if not parts:
        files = [path.name for path in entries if path.is_file()]
        parts.append(
            f"no audio and no CSV, only {first_of(files, _MOST)}" if files else "nothing at all"
        )
    return "are " + "; ".join(parts)


def _kinds(names: list[str]) -> list[tuple[str, int]]:
    return Counter(os.path.splitext(name)[1].lower() for name in names).most_common(_MOST)  # noqa: PTH122

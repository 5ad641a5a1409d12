"""Corpora whose folders are partitions and classes: `train/yes/a.wav`.

Where there are no partitions yet, it is `yes/a.wav`. Clips right in a partition's folder are blind
(`test/a.wav`). Speakers may be listed in `speakers.csv` (`file_name,speaker`), names as the clips
have them: relative to the corpus folder.
"""

from __future__ import annotations

import os
from pathlib import Path

from search_spaces.grammar.errors import InputError
from study.corpus.layouts.names import AUDIO, known_partition
from study.corpus.layouts.problems import Problems
from study.corpus.layouts.rows import Row, Source
from study.corpus.layouts.tables import read_speakers

MOST_FILES = 1_000_000  # of any kind, with folders, below a corpus folder


def list_audio(root: Path) -> list[str]:
    """Audio files below a folder, relative to it, sorted; hidden ones are left out.

    Raises:
        InputError: There is so much below it that it is hardly a corpus.
    """
    found: list[str] = []
    seen = 0
    for parent, folders, files in os.walk(root):
        seen += len(folders) + len(files)
        if seen > MOST_FILES:
            raise InputError(
                f"{root}: a corpus folder must hold at most {MOST_FILES:,} files and folders, got"
                " more; name the folder that the corpus alone lies in"
            )
        folders[:] = [name for name in folders if not name.startswith((".", "__"))]
        inside = Path(parent).relative_to(root)
        found += [
            (inside / name).as_posix()
            for name in files
            if not name.startswith(".") and os.path.splitext(name)[1].lower() in AUDIO  # noqa: PTH122
        ]
    return sorted(found)


def is_folders(source: Source) -> bool:
    """Whether two folders or more hold audio, directly or one level down, and none lies loose."""
    return source.manifest is None and _shape(list_audio(source.root)) is not None


def read_folders(source: Source, problems: Problems) -> list[Row]:
    """Rows by folder, sorted by name."""
    names = list_audio(source.root)
    partitioned = _shape(names) == "partitions"
    speakers = read_speakers(source.root, "speakers.csv", problems)
    rows, depth = [], int(partitioned)
    for name in names:
        parts = name.split("/")
        speaker, more = speakers.get(name, (None, {}))
        label = parts[depth] if len(parts) > depth + 1 else None
        partition = parts[0] if partitioned else None
        rows.append(Row(name, name, label, partition, speaker, "folders", None, metadata=more))
    return rows


def _shape(names: list[str]) -> str | None:
    """`partitions` or `classes`: what the folders at the top are; None where neither."""
    tops = {name.partition("/")[0] for name in names}
    if not names or any("/" not in name for name in names):
        return None
    if all(known_partition(top) is not None for top in tops):
        inner = any(name.count("/") >= 2 for name in names)
        return "partitions" if inner else None
    return "classes" if len(tops) > 1 else None

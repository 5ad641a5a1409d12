"""Corpora whose folders are partitions and classes: `train/yes/a.wav`.

Where there are no partitions yet, it is `yes/a.wav`. Clips right in a partition's folder are blind
(`test/a.wav`). Speakers may be listed in `speakers.csv` (`file_name,speaker`), names as the clips
have them: relative to the corpus folder. What else lies there is said to be left out.
"""

from __future__ import annotations

from study.corpus.layouts.audio_files import AudioFiles, LeftOut, find_audio
from study.corpus.layouts.names import known_partition
from study.corpus.layouts.problems import LINKS_OUT, Problems
from study.corpus.layouts.rows import Row, Source
from study.corpus.layouts.tables import check_speakers, read_speakers

_SPEAKERS = "speakers.csv"
NO_PARTITION = "the folder is no partition, as train, devel or test beside it are"


def is_folders(source: Source) -> bool:
    """Whether two folders or more hold audio, directly or one level down, and none lies loose."""
    return source.manifest is None and _shape(find_audio(source.root)) is not None


def read_folders(source: Source, problems: Problems) -> list[Row]:
    """Rows by folder, sorted by name."""
    if source.audio is not None:
        rule = "a corpus of folders must be its own folder of audio"
        problems.add("audio", None, rule, repr(str(source.audio)))
    found = find_audio(source.root)
    partitioned = _shape(found) == "partitions"
    for link in found.links_out:
        if not partitioned or _in_partition(link):
            problems.add("folders", None, LINKS_OUT, repr(link))
    speakers = read_speakers(source.root, _SPEAKERS, problems)
    rows, depth = [], int(partitioned)
    for name in found.names:
        if partitioned and not _in_partition(name):
            continue
        parts = name.split("/")
        speaker, more = speakers.get(name, (None, {}))
        label = parts[depth] if len(parts) > depth + 1 else None
        partition = parts[0] if partitioned else None
        rows.append(Row(name, name, label, partition, speaker, "folders", None, metadata=more))
    check_speakers(_SPEAKERS, speakers, rows, problems)
    return rows


def left_out_of_folders(source: Source) -> LeftOut:
    """What there is to hear in the folders and is no clip."""
    found = find_audio(source.root)
    stray = [name for name in found.names if not _in_partition(name)]
    if _shape(found) == "partitions" and stray:
        return {**found.left_out, NO_PARTITION: stray}
    return found.left_out


def _in_partition(name: str) -> bool:
    return known_partition(name.partition("/")[0]) is not None


def _shape(found: AudioFiles) -> str | None:
    """`partitions` or `classes`: what the folders at the top are; None where neither.

    They are partitions where all of them, or two at least, are called so and have folders in them.
    """
    # A link that leads out counts as a folder with clips: it is to be refused, not overlooked.
    names = [*found.names, *(f"{link}/?/?" for link in found.links_out)]
    if not names or any("/" not in name for name in names):
        return None
    tops = {name.partition("/")[0] for name in names}
    known = {known_partition(top) for top in tops}
    if None not in known or len(known) > 2:
        inner = any(name.count("/") >= 2 for name in filter(_in_partition, names))
        if inner or None not in known:
            return "partitions" if inner else None
    return "classes" if len(tops) > 1 else None

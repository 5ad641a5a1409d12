"""The names that corpora have in common: partitions, columns, and the endings of audio files."""

from __future__ import annotations

from typing import Literal

PARTITION_RULE = "the partition must be train, devel (dev, val, validation) or test"
Partition = Literal["train", "devel", "test"]
PARTITIONS: tuple[Partition, ...] = ("train", "devel", "test")
_ALIASES: dict[Partition, tuple[str, ...]] = {
    "train": ("train", "training"),
    "devel": ("devel", "dev", "development", "val", "valid", "validation"),
    "test": ("test",),
}
FILE_COLUMNS = ("file_name", "filename", "file", "path", "name")  # in files of any tool
# A column's name here, and what else it is called in the wild; the first that is there is taken.
COLUMNS: dict[str, tuple[str, ...]] = {
    "file_name": FILE_COLUMNS,
    "partition": ("partition", "split", "subset"),
    "speaker": ("speaker", "speaker_id"),
}
AUDIO = frozenset(
    (".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".aifc", ".au", ".snd",
     ".caf", ".w64", ".rf64", ".sph", ".nist", ".voc")
)  # fmt: skip
# Recordings of speech, too, with or without a picture; libsndfile reads none of them.
OTHER_AUDIO = frozenset(
    (".m4a", ".m4b", ".mp4", ".m4v", ".aac", ".wma", ".wmv", ".asf", ".amr", ".awb", ".3gp", ".3ga",
     ".3g2", ".webm", ".weba", ".mka", ".mkv", ".mov", ".avi", ".ape", ".wv", ".ra", ".spx", ".ac3",
     ".dss", ".qcp")
)  # fmt: skip


def known_partition(text: str) -> Partition | None:
    """The partition that a name in a label file means; None where it means none.

    >>> known_partition("Dev"), known_partition("other")
    ('devel', None)
    """
    name = text.strip().lower()
    return next((partition for partition in PARTITIONS if name in _ALIASES[partition]), None)

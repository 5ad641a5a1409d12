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
     ".caf", ".w64")
)  # fmt: skip


def known_partition(text: str) -> Partition | None:
    """The partition that a name in a label file means; None where it means none.

    >>> known_partition("Dev"), known_partition("other")
    ('devel', None)
    """
    name = text.strip().lower()
    return next((partition for partition in PARTITIONS if name in _ALIASES[partition]), None)

"""What `spectune predict` is asked about: files, folders, a manifest, names on standard input."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from search_spaces.grammar.errors import InputError
from study.corpus.layouts.names import AUDIO, FILE_COLUMNS
from study.corpus.layouts.rows import SEGMENT_RULE, segment_name, segment_times
from study.files import read_rows
from study.text import printable


@dataclass(frozen=True)
class Item:
    """A clip to predict.

    Args:
        name: What it is called in the predictions.
        path: The file.
        label: As a manifest gives it; empty where it gives none.
        start: Seconds into the file where the clip begins; None: at its beginning.
        end: Seconds into the file where it ends; None: at its end.
    """

    name: str
    path: Path
    label: str = ""
    start: float | None = None
    end: float | None = None


def collect(paths: Sequence[str], *, stdin: Iterable[str]) -> list[Item]:
    """Return what paths mean, in their order.

    A file is called as it was given, a file of a folder by its path within the folder (with the
    folder in front where names would meet), a row of a manifest as the manifest calls it.

    Args:
        paths: Audio files, folders (searched through), manifests (`.csv` with a column
            `file_name`, and `start` and `end` in seconds where clips are segments), or `-` for one
            file name a line on standard input.
        stdin: Read where a path is `-`.

    Raises:
        InputError: If a path does not exist, a manifest cannot be read, there is no audio, or two
            clips have the same name.
    """
    items: list[Item] = []
    for text in paths:
        try:
            items += _named(text, paths, stdin)
        except OSError as error:
            raise InputError(f"{text:.80}: cannot be read: {error.strerror}") from error
        except UnicodeDecodeError as error:
            byte = error.object[error.start]
            raise InputError(f"{text}: names must be UTF-8 text, got byte 0x{byte:02x}") from error
    if not items:
        raise InputError(f"{', '.join(paths)}: no audio files found")
    seen: set[str] = set()
    for item in items:
        if printable(item.name) != item.name:
            rule = "a name must be UTF-8 text without control characters"
            raise InputError(f"{printable(item.name)}: {rule}")
        if item.name in seen:
            raise InputError(f"{item.name}: is given twice; a prediction needs a name of its own")
        seen.add(item.name)
    return items


def _named(text: str, paths: Sequence[str], stdin: Iterable[str]) -> list[Item]:
    if not text:
        raise InputError("a path must not be empty")
    path = Path(text)
    if text == "-":
        return [Item(line, Path(line)) for line in map(str.strip, stdin) if line]
    if path.is_dir():
        return _folder(path, whole=sum(Path(other).is_dir() for other in paths) > 1)
    if path.suffix.lower() == ".csv":
        return _manifest(path)
    if not path.is_file():
        reason = "it is no file" if path.exists() else "there is no such file or folder"
        raise InputError(f"{text}: {reason}")
    return [Item(text, path)]


def _folder(folder: Path, *, whole: bool) -> list[Item]:
    """Return the audio files of a folder, called by their whole path or by that within it."""
    files = sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in AUDIO and not path.name.startswith(".") and path.is_file()
    )
    return [Item((p if whole else p.relative_to(folder)).as_posix(), p) for p in files]


def _manifest(path: Path) -> list[Item]:
    table = read_rows(path)
    file_name, label = table.column(FILE_COLUMNS), table.column(["label"])
    times = table.column(["start"]), table.column(["end"])
    if file_name is None:
        header = ", ".join(table.header) or "nothing"
        raise InputError(f"{path}: needs a column file_name, got {header}")
    items = []
    for row, line in zip(table.rows, table.lines, strict=True):
        cells = [None if i is None else row[i] for i in times]
        segment, name = segment_times(*cells), row[file_name]
        if segment is None:
            value = " and ".join(repr(cell or "") for cell in cells)
            raise InputError(f"{path}:{line}: {SEGMENT_RULE}, got {value} for {name!r}")
        known = "" if label is None or row[label] == "?" else row[label]
        items.append(Item(segment_name(name, *segment), _find(path.parent, name), known, *segment))
    return items


def _find(folder: Path, name: str) -> Path:
    """Return the file of a manifest's row: beside it, or in `wav/` as corpora have it."""
    candidates = [folder / name, folder / "wav" / name, folder.parent / "wav" / name]
    return next((path for path in candidates if path.is_file()), candidates[0])

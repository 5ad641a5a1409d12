"""What `spectune predict` is asked about: files, folders, a manifest, names on standard input."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from search_spaces.errors import InputError
from study.clip import AUDIO

__all__ = ["Item", "collect"]

COLUMNS = ("file_name", "filename", "file", "path", "name")


@dataclass(frozen=True)
class Item:
    """A clip to predict.

    Args:
        name: What it is called in the predictions.
        path: The file.
        label: As a manifest gives it; empty where it gives none.
    """

    name: str
    path: Path
    label: str = ""


def collect(paths: Sequence[str], *, stdin: Iterable[str]) -> list[Item]:
    """Return what paths mean, in their order.

    A file is called as it was given, a file of a folder by its path within the folder (with the
    folder in front where names would meet), a row of a manifest as the manifest calls it.

    Args:
        paths: Audio files, folders (searched through), manifests (`.csv` with a column
            `file_name`), or `-` for one file name a line on standard input.
        stdin: Read where a path is `-`.

    Raises:
        InputError: If a path does not exist, a manifest cannot be read, there is no audio, or two
            clips have the same name.
    """
    items: list[Item] = []
    for text in paths:
        path = Path(text)
        if text == "-":
            items += [Item(line, Path(line)) for line in map(str.strip, stdin) if line]
        elif path.is_dir():
            items += _folder(path, whole=_meets(path, paths))
        elif path.suffix.lower() == ".csv":
            items += _manifest(path)
        elif path.exists():
            items.append(Item(text, path))
        else:
            raise InputError(f"{text}: there is no such file or folder")
    if not items:
        raise InputError(f"{', '.join(paths)}: no audio files found")
    seen: set[str] = set()
    for item in items:
        if item.name in seen:
            raise InputError(f"{item.name}: is given twice; a prediction needs a name of its own")
        seen.add(item.name)
    return items


def _meets(folder: Path, paths: Sequence[str]) -> bool:
    """Whether another folder was given too."""
    return sum(Path(text).is_dir() for text in paths) > 1


def _folder(folder: Path, *, whole: bool) -> list[Item]:
    files = sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in AUDIO and not path.name.startswith(".") and path.is_file()
    )
    return [Item((p if whole else p.relative_to(folder)).as_posix(), p) for p in files]


def _manifest(path: Path) -> list[Item]:
    try:
        rows = list(csv.reader(io.StringIO(path.read_text("utf-8-sig"))))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: cannot be read as CSV: {error}") from error
    header = [cell.strip() for cell in rows[0]] if rows else []
    column = next((header.index(name) for name in COLUMNS if name in header), None)
    if column is None:
        raise InputError(f"{path}: needs a column file_name, got {', '.join(header) or 'nothing'}")
    at = header.index("label") if "label" in header else None
    items = []
    for line, row in enumerate(rows[1:], start=2):
        if not row:
            continue
        if len(row) != len(header):
            raise InputError(f"{path}:{line}: must have {len(header)} cells, got {len(row)}")
        label = "" if at is None or row[at] == "?" else row[at]
        items.append(Item(row[column], _find(path.parent, row[column]), label))
    return items


def _find(folder: Path, name: str) -> Path:
    """Return the file of a manifest's row: beside it, or in `wav/` as corpora have it."""
    candidates = [folder / name, folder / "wav" / name, folder.parent / "wav" / name]
    return next((path for path in candidates if path.is_file()), candidates[0])

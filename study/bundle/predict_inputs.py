"""What `spectune predict` is asked about: files, folders, a manifest, names on standard input."""

from __future__ import annotations

import posixpath
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from search_spaces.grammar.errors import InputError
from study.corpus.layouts.audio_files import find_audio, left_out_lines
from study.corpus.layouts.names import COLUMNS, FILE_COLUMNS
from study.corpus.layouts.rows import SEGMENT_RULE, segment_name, segment_of, split_segment
from study.corpus.layouts.tables import known
from study.corpus.spelling import same_names
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
        speaker: As a manifest gives it; None where it gives none.
        others: The manifest's other columns, kept in the predictions.
    """

    name: str
    path: Path
    label: str = ""
    start: float | None = None
    end: float | None = None
    speaker: str | None = None
    others: Mapping[str, str] = field(default_factory=dict, hash=False)


def collect(
    paths: Sequence[str],
    *,
    stdin: Iterable[str],
    left_out: dict[str, list[str]] | None = None,
    label_column: str | None = None,
    audio: Path | None = None,
) -> list[Item]:
    """Return what paths mean, in their order.

    A file is called as it was given, a file of a folder by its path within the folder (with the
    folder in front where names would meet), a row of a manifest as the manifest calls it.

    Args:
        paths: Audio files, folders (searched through), manifests (`.csv` with a column
            `file_name`, and `start` and `end` in seconds where clips are segments), or `-` for one
            file name a line on standard input.
        stdin: Read where a path is `-`.
        left_out: Takes what folders hold and cannot be predicted, as `LeftOut`.
        label_column: The manifests' column of labels; `label`, where there is one, when None.
        audio: The folder of the manifests' files; None: beside them, or in `wav/`.

    Raises:
        InputError: If a path does not exist, a manifest cannot be read, there is no audio, or two
            clips have the same name.
    """
    for option, value in (("--label-column", label_column), ("--audio", audio)):
        if value is not None and all(Path(text).suffix.lower() != ".csv" for text in paths):
            raise InputError(f"{option}: is of a manifest (.csv), and none is given")
    if audio is not None and not audio.is_dir():
        raise InputError(f"--audio must be a folder that exists, got {str(audio)!r}")
    manifest = partial(_manifest, label_column=label_column, audio=audio)
    items: list[Item] = []
    left_out = {} if left_out is None else left_out
    for text in paths:
        try:
            items += _named(text, paths, stdin, left_out, manifest)
        except OSError as error:
            raise InputError(f"{text:.80}: cannot be read: {error.strerror}") from error
        except UnicodeDecodeError as error:
            byte = error.object[error.start]
            raise InputError(f"{text}: names must be UTF-8 text, got byte 0x{byte:02x}") from error
    if not items:
        told = ["no audio files found", *left_out_lines(left_out)]
        raise InputError(f"{', '.join(paths)}: {'; '.join(told)}")
    seen: set[str] = set()
    for item in items:
        name = posixpath.normpath(item.name)  # ./a.wav is a.wav, as in a corpus
        if printable(item.name) != item.name:
            rule = "a name must be UTF-8 text without control characters"
            raise InputError(f"{printable(item.name)}: {rule}")
        if name in seen:
            raise InputError(f"{item.name}: is given twice; a prediction needs a name of its own")
        seen.add(name)
    return items


def _named(
    text: str,
    paths: Sequence[str],
    stdin: Iterable[str],
    left_out: dict[str, list[str]],
    manifest: Callable[[Path], list[Item]],
) -> list[Item]:
    if not text:
        raise InputError("a path must not be empty")
    path = Path(text)
    if text == "-":
        return [Item(line, Path(line)) for line in map(str.strip, stdin) if line]
    if path.is_dir():
        return _folder(path, left_out, whole=sum(Path(other).is_dir() for other in paths) > 1)
    if path.suffix.lower() == ".csv":
        return manifest(path)
    if not path.is_file():
        reason = "it is no file" if path.exists() else "there is no such file or folder"
        raise InputError(f"{text}: {reason}")
    return [Item(text, path)]


def _folder(folder: Path, left_out: dict[str, list[str]], *, whole: bool) -> list[Item]:
    """Return the audio files of a folder, called by their whole path or by that within it."""
    found = find_audio(folder, anywhere=True)

    def called(name: str) -> str:
        return (folder / name).as_posix() if whole else name

    no_files = [name for name in found.names if not (folder / name).is_file()]
    for why, names in {**found.left_out, "no regular file": no_files}.items():
        if names:
            left_out.setdefault(why, []).extend(map(called, names))
    names = sorted({*found.names}.difference(no_files), key=lambda name: name.split("/"))
    return [Item(called(name), folder / name) for name in names]


def _manifest(path: Path, *, label_column: str | None, audio: Path | None) -> list[Item]:
    table = read_rows(path).plain()
    file_name, label = (
        table.column(FILE_COLUMNS),
        table.column(["label" if label_column is None else label_column]),
    )
    times = table.column(["start"]), table.column(["end"])
    speaker = table.column(COLUMNS["speaker"])
    header = ", ".join(table.header) or "nothing"
    if file_name is None:
        raise InputError(f"{path}: needs a column file_name, got {header}")
    if label is None and label_column is not None:
        raise InputError(
            f"{path}: needs the column {label_column!r} of --label-column, got {header}"
        )
    for column, n in Counter(table.header).items():
        if column and n > 1:  # columns are kept by their names
            raise InputError(f"{path}: the header must have one column {column!r}, got {n}")
    place = audio or _place(path.parent, [split_segment(row[file_name])[0] for row in table.rows])
    items = []
    for row, line in zip(table.rows, table.lines, strict=True):
        cells = [None if i is None else row[i] for i in times]
        segment = segment_of(name := row[file_name], *cells)
        if segment is None:
            value = " and ".join(repr(cell or "") for cell in cells)
            raise InputError(f"{path}:{line}: {SEGMENT_RULE}, got {value} for {name!r}")
        item = Item(
            segment_name(*segment),
            place / segment[0],
            "" if label is None else known(row[label]) or "",
            *segment[1:],
            None if speaker is None else known(row[speaker]),
            {table.header[i]: cell for i, cell in enumerate(row) if i not in (file_name, label)},
        )
        items.append(item)
    for one, other, how in same_names({item.speaker or "" for item in items}, numbers=True):
        raise InputError(f"{path}: speakers must differ in more than {how}, got {one!a}, {other!a}")
    return items


def _place(folder: Path, names: Sequence[str]) -> Path:
    """Return where a manifest's files lie: beside it, or in `wav/` as corpora have it.

    All of them: a name that is missing there is not looked for elsewhere.
    """
    places = [folder, folder / "wav", folder.parent / "wav"]
    found = (place for place in places if any((place / name).is_file() for name in names))
    return next(found, folder)

"""Other tools' systems as candidates: prediction CSVs, aligned by file name and times.

Read are the columns that spectune and autrainer write (`prob_x`), `probability_x`, and bare class
names, as nkululeko writes them; a file with a predicted class alone counts as certain of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from search_spaces.grammar.errors import InputError
from study.corpus.clip_rows import MatchedRows, match_rows
from study.corpus.layouts.names import FILE_COLUMNS, known_partition
from study.corpus.spelling import nearest_name
from study.files import read_rows
from study.files.csv_files import CsvTable, cell_number
from study.results.probabilities import ROW_SUM_TOLERANCE

PREDICTION_COLUMNS = ("prediction", "predictions", "predicted", "pred")
CLASS_COLUMNS = ("prob_{}", "probability_{}", "{}")
OUT_OF_FOLD = "out-of-fold"  # each clip predicted by models that did not hear its speaker
SHOWN = 3  # how many names a message lists


@dataclass(frozen=True)
class ImportedSystem:
    """Somebody else's predictions, in the order of the study's clips.

    Args:
        trained_on: Partitions its models were fitted on, never devel; or `out-of-fold`.
        probabilities: (clips, classes) per partition: `devel`, and `test` where it was predicted.
        hard: Whether the file held classes alone, so that all probabilities are 0 or 1.
        n_ignored: Rows of the file that belong to no clip of devel or test.
        matched_by: How its names were compared with those of the clips.
    """

    trained_on: tuple[str, ...]
    probabilities: Mapping[str, NDArray[np.float32]]
    hard: bool
    n_ignored: int
    matched_by: str


def import_predictions(
    path: str | Path,
    *,
    classes: Sequence[str],
    file_names: Mapping[str, Sequence[str]],
    trained_on: str | Sequence[str] | None,
    held_out: bool = False,
) -> ImportedSystem:
    """Read a prediction CSV.

    Args:
        path: The file; comma or semicolon separated, with a header.
        classes: The study's classes, in its order.
        file_names: The study's clips per partition, in its order; `devel` must be there, and
            those of train keep a row of theirs from being taken for another clip's.
        trained_on: What the system's models were fitted on: `train`, or several names, or one
            text like `train+devel`. A system that has seen devel is refused: its devel
            predictions would win every selection.
        held_out: Whether the study's devel clips are those of train too, in folds of speakers
            (`kfold`, `loso`): then only `out-of-fold` predictions can be judged on them.

    Raises:
        InputError: One sentence per problem, with file and line.
    """
    path = Path(path)
    partitions = _trained_on(path, trained_on, held_out=held_out)
    table = _read(path)
    column = table.column(FILE_COLUMNS)
    if column is None:
        raise InputError(
            f"{path}: needs a column with file names ({', '.join(FILE_COLUMNS)}), "
            f"got {', '.join(table.header)}."
        )
    values, hard = _values(path, table, classes)
    matched = match_rows(table, column, [name for names in file_names.values() for name in names])
    probabilities: dict[str, NDArray[np.float32]] = {}
    for partition in ("devel", "test"):
        clips = file_names.get(partition, ())
        missing = [name for name in clips if name not in matched.rows]
        if missing and (partition == "devel" or len(missing) < len(clips)):
            names = [row[column].strip() for row in table.rows]
            raise InputError(
                f"{path}: must predict every clip of {partition}, {len(missing)} of {len(clips)} "
                f"are missing ({_some(missing, names)}){_why(matched, table, names)}."
            )
        if not missing and clips:
            probabilities[partition] = values[[matched.rows[name] for name in clips]]
    n_ignored = len(table.rows) - sum(map(len, probabilities.values()))
    return ImportedSystem(partitions, probabilities, hard, n_ignored, matched.by)


def _some(missing: Sequence[str], names: Sequence[str]) -> str:
    """The first of the clips without a row, and the row whose name is nearest to the first."""
    some = ", ".join([*missing[:SHOWN], *(["..."] if len(missing) > SHOWN else [])])
    near = nearest_name(missing[0], names)
    return some if near is None else f"{some}; the file has {near!r} for {missing[0]!r}"


def _why(matched: MatchedRows, table: CsvTable, names: Sequence[str]) -> str:
    """How names were compared, and the first row that is of no clip: it may be the one meant."""
    if matched.hint:
        return f": {matched.hint}"
    if not matched.rows:
        return ""
    known = set(matched.rows.values())
    strays = [i for i in range(len(names)) if i not in known]
    stray = f"; line {table.lines[strays[0]]}, {names[strays[0]]!r}, is no clip" if strays else ""
    return f", names compared by {matched.by}{stray}"


def _trained_on(
    path: Path, trained_on: str | Sequence[str] | None, *, held_out: bool
) -> tuple[str, ...]:
    given = trained_on.split("+") if isinstance(trained_on, str) else list(trained_on or [])
    names = [text.strip().lower() for text in given]
    if not any(names):
        raise InputError(
            f"{path}: trained_on must say which partitions the system was fitted on, as in "
            "trained_on=train; nothing in the file can prove it."
        )
    if held_out:
        if names != [OUT_OF_FOLD]:
            raise InputError(
                f"{path}: this study judges the clips of train and devel alike, so each must be "
                f"predicted by models that did not hear its speaker: trained_on={OUT_OF_FOLD} says "
                f"so, got trained_on={'+'.join(names)}."
            )
        return (OUT_OF_FOLD,)
    known = {text: known_partition(text) for text in names}
    unknown = [text for text, partition in known.items() if partition is None]
    if unknown:
        raise InputError(
            f"{path}: trained_on must name partitions (train, devel, test), got {unknown[0]!r}."
        )
    partitions = tuple(dict.fromkeys(partition for partition in known.values() if partition))
    seen = [partition for partition in partitions if partition != "train"]
    if seen:
        raise InputError(
            f"{path}: a system trained on {seen[0]} cannot be a candidate, since the fusion is "
            f"chosen on devel; got trained_on={'+'.join(partitions)}. "
            "Import predictions of its version trained on train alone."
        )
    return partitions


def _read(path: Path) -> CsvTable:
    table = read_rows(path).plain()
    header = table.header
    if not table.rows:
        raise InputError(f"{path}: needs a header and at least one row, got {len(header)} columns.")
    twice = next((name for name in header if name and header.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"{path}: the header must have one column {twice!r}, got several.")
    return table


def _values(
    path: Path, table: CsvTable, classes: Sequence[str]
) -> tuple[NDArray[np.float32], bool]:
    """Probabilities of all rows, (rows, classes), and whether they are bare decisions."""
    header = table.header
    for pattern in CLASS_COLUMNS:
        names = [pattern.format(label) for label in classes]
        there = [name for name in names if name in header]
        if len(there) == len(names):
            return _probabilities(path, table, names), False
        if there:
            lacking = [name for name in names if name not in header]
            raise InputError(
                f"{path}: needs a column per class, {', '.join(lacking)} "
                f"{'is' if len(lacking) == 1 else 'are'} missing beside {', '.join(there)}."
            )
    column = table.column(PREDICTION_COLUMNS)
    if column is None:
        raise InputError(
            f"{path}: needs a column per class (prob_{classes[0]}, probability_{classes[0]} or "
            f"{classes[0]}) or a column prediction, got {', '.join(header)}."
        )
    indices = {label: index for index, label in enumerate(classes)}
    values = np.zeros((len(table.rows), len(classes)), dtype=np.float32)
    for own, row, line in zip(values, table.rows, table.lines, strict=True):
        label = row[column].strip()
        if label not in indices:
            raise InputError(
                f"{path}:{line}: {header[column]} must be one of {', '.join(classes)}, "
                f"got {label!r}."
            )
        own[indices[label]] = 1
    return values, True


def _probabilities(path: Path, table: CsvTable, names: Sequence[str]) -> NDArray[np.float32]:
    columns = [table.header.index(name) for name in names]
    values = np.empty((len(table.rows), len(names)))
    for own, row, line in zip(values, table.rows, table.lines, strict=True):
        for position, column in enumerate(columns):
            own[position] = cell_number(row[column])
            if not 0 <= own[position] <= 1:
                raise InputError(
                    f"{path}:{line}: {names[position]} must be a probability in [0, 1], "
                    f"got {row[column].strip()!r}."
                )
        if abs(own.sum() - 1) > ROW_SUM_TOLERANCE:
            raise InputError(
                f"{path}:{line}: the probabilities of a clip must sum to 1, got {own.sum():.4g}."
            )
    return np.asarray(values / values.sum(axis=1, keepdims=True), dtype=np.float32)

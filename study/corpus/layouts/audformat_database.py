"""audformat databases: `db.yaml` and its tables, read with the package `audformat`.

The tables that have the label column make the corpus; their splits are the partitions. Columns of
filewise tables (speaker, gender, session, ...) are joined by file, and so is what the speaker's
scheme says about a speaker. The package would unpickle a table's cache, and its YAML loader makes
any object: a database with pickles is refused, and the header is read as plain values.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from search_spaces.grammar.bounded_file import check_bounded, read_bounded
from search_spaces.grammar.errors import InputError
from study.corpus.layouts.problems import Problems
from study.corpus.layouts.rows import Row, Source, segment_name
from study.files.csv_files import MAX_BYTES

_HEADER = "db.yaml"
_SPEAKER = ("speaker", "speaker_id")
_SPLITS = ("train", "dev", "test")
_MISSING = ("nan", "NaT", "<NA>")  # as pandas prints them
_MOST_HEADER = 50_000_000  # bytes
_DEEPEST = 20


def is_audformat(source: Source) -> bool:
    """Whether there is a header."""
    return source.manifest is None and (source.root / _HEADER).is_file()


def read_audformat(source: Source, problems: Problems) -> list[Row]:
    """Rows of the tables that have the label column.

    Raises:
        InputError: The package is missing, the header is not one, the label column is not clear, or
            a table would have to be unpickled.
    """
    database = _load_header(source.root)
    column = _label_column(database, source)
    tables = _label_tables(database, column, source)
    _load_tables(database, tables, source)
    of_file = _file_columns(database)
    schemes = {name: _attributes(database, name) for name in _SPEAKER}
    rows = []
    for name, table in tables:
        split = database.splits[table.split_id].type if table.split_id else None
        for file, start, end, label, more in _cells(table, column):
            about = of_file.get(file, {}) | more
            key = next((key for key in _SPEAKER if key in about), None)
            speaker = about.pop(key) if key is not None else None
            about |= schemes[key].get(speaker, {}) if key is not None and speaker else {}
            partition, whole = split or about.pop("split", None), segment_name(file, start, end)
            where = (f"table {name}", None, start, end, about)
            rows.append(Row(whole, source.at("") + file, label, partition, speaker, *where))
    return rows


def _load_header(root: Path) -> Any:
    try:
        import audformat
    except ImportError as error:
        raise InputError(
            f"{root}: is an audformat database; reading one needs the extra `audformat`:"
            " pip install 'spectune[audformat]'"
        ) from error
    path = root / _HEADER
    try:
        text = read_bounded(path, _MOST_HEADER).decode()
        _check_small(text)
        return audformat.Database.load_header_from_yaml(yaml.load(text, yaml.SafeLoader))
    except Exception as error:  # what the package raises for a wrong header is not documented
        message = str(error).replace("\n", " ")
        raise InputError(
            f"{path}: must be the header of an audformat database: {message}"
        ) from error


def _check_small(text: str) -> None:
    """Check that YAML is as small as it looks, and not so deep that reading it takes hours.

    Raises:
        ValueError: It is not.
    """
    depth = 0
    for event in yaml.parse(text, yaml.SafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if isinstance(event, yaml.AliasEvent) or depth > _DEEPEST:
            raise ValueError(f"YAML aliases, or more than {_DEEPEST} levels")


def _label_column(database: Any, source: Source) -> str:
    """The column that holds the label: the one that was named, or the only one there can be."""
    tables = [database.tables[key] for key in database.tables]
    columns = {name for table in tables for name in table.columns}
    if source.label_column is not None:
        if source.label_column not in columns:
            raise InputError(
                f"{source.root}: label_column must be a column of a table, one of"
                f" {', '.join(sorted(columns))}, got {source.label_column!r}"
            )
        return source.label_column
    split = {name for table in tables if table.split_id for name in table.columns}
    possible = sorted((split or columns) - {*_SPEAKER, "split", "duration"})
    if "label" in possible or len(possible) == 1:
        return "label" if "label" in possible else possible[0]
    raise InputError(
        f"{source.root}: label_column must say which column of the audformat database is the label:"
        f" {', '.join(possible) or 'it has none'}"
    )


def _label_tables(database: Any, column: str, source: Source) -> list[tuple[str, Any]]:
    """Tables with that column: those of a split, or the one there is."""
    having = [(key, database[key]) for key in database.tables if column in database[key].columns]
    split = [
        (k, t) for k, t in having if t.split_id and database.splits[t.split_id].type in _SPLITS
    ]
    if split:
        order = {kind: i for i, kind in enumerate(_SPLITS)}
        return sorted(split, key=lambda pair: order[database.splits[pair[1].split_id].type])
    if len(having) > 1:
        raise InputError(
            f"{source.root}: label_column {column!r} must be in tables of the splits train, dev and"
            f" test, or in one table, got {', '.join(key for key, _ in having)} without splits"
        )
    return having


def _load_tables(database: Any, tables: list[tuple[str, Any]], source: Source) -> None:
    needed = [*database.misc_tables, *(key for key, _ in tables)]
    needed += [k for k in database.tables if k not in needed and database[k].is_filewise]
    for key in needed:
        pickled = source.root / f"db.{key}.pkl"
        if pickled.exists():
            raise InputError(
                f"{pickled}: is never unpickled, since that runs code; delete it, the table is read"
                " from its .parquet or .csv"
            )
        for table in (source.root / f"db.{key}{ending}" for ending in (".csv", ".parquet")):
            if table.exists():
                check_bounded(table, MAX_BYTES)
        try:
            database[key].load(str(source.root / f"db.{key}"))
        except Exception as error:
            message = str(error).replace("\n", " ")
            raise InputError(f"{source.root}: table {key!r} cannot be read: {message}") from error


def _file_columns(database: Any) -> dict[str, dict[str, str]]:
    """Columns of the filewise tables without a split, by file."""
    found: dict[str, dict[str, str]] = {}
    for key in database.tables:
        table = database[key]
        if table.is_filewise and not table.split_id:
            for file, row in zip(table.df.index, table.df.to_dict("records"), strict=True):
                found.setdefault(file, {}).update(_texts(row))
    return found


def _attributes(database: Any, scheme: str) -> dict[str, dict[str, str]]:
    """What the scheme says about each of its labels: a mapping, or the rows of a misc table."""
    labels = database.schemes[scheme].labels if scheme in database.schemes else None
    if isinstance(labels, str):
        frame = database.misc_tables[labels].df
        rows = zip(frame.index, frame.to_dict("records"), strict=True)
        return {str(name): _texts(row) for name, row in rows}
    if isinstance(labels, dict):
        return {str(k): _texts(v) for k, v in labels.items() if isinstance(v, dict)}
    return {}


def _cells(
    table: Any, column: str
) -> Iterator[tuple[str, float | None, float | None, str | None, dict[str, str]]]:
    """File, start and end in seconds, label, and the other columns, in the table's order."""
    for index, row in zip(table.df.index, table.df.to_dict("records"), strict=True):
        texts = _texts(row)
        label = texts.pop(column, None)
        if table.is_filewise:
            yield str(index), None, None, label, texts
            continue
        file, start, end = index
        stop = None if end != end else end.total_seconds()
        begin = start.total_seconds()
        yield str(file), begin if begin or stop is not None else None, stop, label, texts


def _texts(row: dict[Any, Any]) -> dict[str, str]:
    """Values as text, without those that are missing."""
    return {
        str(key): str(value)
        for key, value in row.items()
        if value is not None and (isinstance(value, str) or str(value) not in _MISSING)
    }

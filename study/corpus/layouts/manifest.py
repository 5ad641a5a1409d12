"""One CSV that lists everything: `file_name,label[,partition,speaker,start,end,...]`.

Names are relative to the CSV's folder, or to `wav/` in it where the first clip lies there, or to
the folder that `audio:` names. `start`
and `end` are seconds into a long file. Every other column is kept as the clip's metadata.
"""

from __future__ import annotations

from study.corpus.layouts.names import FILE_COLUMNS
from study.corpus.layouts.problems import Problems
from study.corpus.layouts.rows import (
    BLIND,
    SEGMENT_RULE,
    Row,
    Source,
    segment_name,
    segment_of,
    split_segment,
)
from study.corpus.layouts.tables import header_of, known, others, read_table


def find_manifests(source: Source) -> list[str]:
    """CSV files right in the folder that list files and labels; the given one alone if any."""
    if source.manifest is not None:
        return [source.manifest]
    found = []
    for path in sorted(source.root.glob("*.csv")):
        columns = set(header_of(path))
        if path.name != "manifest.csv":
            columns.discard("name")  # many tables that list no files have such a column
        if columns & set(FILE_COLUMNS) and columns & {"label", source.label_column}:
            found.append(path.name)
    return ["manifest.csv"] if "manifest.csv" in found else found


def is_manifest(source: Source) -> bool:
    """Whether the folder has a manifest."""
    return bool(find_manifests(source))


def read_manifest(source: Source, problems: Problems) -> list[Row]:
    """Rows of the folder's manifest."""
    names = find_manifests(source)
    if len(names) != 1:
        rule = "there must be one manifest.csv, or `corpus:` must name the CSV that is meant"
        problems.add("manifest", None, rule, ", ".join(names) or "none")
        return []
    file, rows = names[0], []
    needed = ("file_name", "label")
    folder: str | None = None
    for line, cells in read_table(
        source.root, file, needed, problems, label_column=source.label_column
    ):
        if folder is None:
            folder = _audio_folder(source, split_segment(cells["file_name"])[0])
        row = make_row(cells, file, line, problems, folder=folder)
        if row is not None:
            rows.append(row)
    return rows


def make_row(
    cells: dict[str, str], file: str, line: int | None, problems: Problems, *, folder: str = ""
) -> Row | None:
    """One row from text by column; None, and a problem, where its times make no sense."""
    name = cells["file_name"]
    label = None if (text := cells.get("label", BLIND)).strip() == BLIND else text
    segment = segment_of(name, cells.get("start"), cells.get("end"))
    if segment is None:
        value = f"{cells.get('start', '')!r} and {cells.get('end', '')!r} for {name!r}"
        problems.add(file, line, SEGMENT_RULE, value)
        return None
    partition, speaker = known(cells.get("partition")), known(cells.get("speaker"))
    where = (file, line, *segment[1:], others(cells))
    return Row(segment_name(*segment), folder + segment[0], label, partition, speaker, *where)


def _audio_folder(source: Source, first: str) -> str:
    """Where the files lie that the manifest names, from its first clip."""
    if "\0" in first:
        return ""
    places = ("" if source.audio is None else source.at(""), "", "wav/")
    found = (place for place in places if (source.root / (place + first)).is_file())
    return next(found, places[0])

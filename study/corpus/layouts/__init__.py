"""How corpora lie on disk: one reader per layout, one row per layout in ``LAYOUTS``.

A reader only reads: it turns label files into rows and says what it could not read. Whether the
rows make a corpus (files on disk, classes, partitions) is validated in one place,
`study.corpus.rules`.
"""

from __future__ import annotations

from pathlib import Path

from search_spaces.grammar.errors import InputError
from search_spaces.grammar.kinds import nearest
from study.corpus.layouts.audformat_database import is_audformat, read_audformat
from study.corpus.layouts.compare import is_2020, is_2021, read_2020, read_2021
from study.corpus.layouts.folders import is_folders, left_out_of_folders, read_folders
from study.corpus.layouts.manifest import is_manifest, read_manifest
from study.corpus.layouts.own_code import own_layout
from study.corpus.layouts.problems import Problems
from study.corpus.layouts.rows import Layout, Row, Source
from study.corpus.layouts.seen import seen

__all__ = ["LAYOUTS", "Layout", "Problems", "Row", "Source", "choose_layout"]

LAYOUTS: tuple[Layout, ...] = (  # the first that matches is taken
    Layout(
        "compare2020",
        "wav/ and lab/labels.csv (file_name,label), partition = file name's prefix",
        is_2020,
        read_2020,
    ),
    Layout(
        "compare2021",
        "wav/ and lab/train.csv, lab/devel.csv, lab/test.csv (filename,label)",
        is_2021,
        read_2021,
    ),
    Layout("audformat", "db.yaml with its tables", is_audformat, read_audformat),
    Layout(
        "manifest",
        "one CSV (file_name,label[,partition,speaker,start,end,...])",
        is_manifest,
        read_manifest,
    ),
    Layout(
        "folders",
        "folders train/CLASS/, devel/CLASS/, test/, or CLASS/ alone",
        is_folders,
        read_folders,
        left_out_of_folders,
    ),
)


def choose_layout(source: Source, name: str | None, *, base: Path) -> Layout:
    """The layout that was named, or else the first that the folder looks like.

    Args:
        source: The corpus.
        name: Of a row of ``LAYOUTS``, or ``FILE.py:FUNCTION``; None to look.
        base: Folder that FILE is relative to.

    Raises:
        InputError: There is none; the sentence says what is known and what is there.
    """
    if name is not None and ":" in name:
        return own_layout(name, base=base)
    if name is not None:
        names = [layout.name for layout in LAYOUTS]
        if name not in names:
            raise InputError(
                f"layout: must be one of {', '.join(names)}, or FILE.py:FUNCTION, got {name!r}"
                f"{nearest(name, names)}"
            )
        return LAYOUTS[names.index(name)]
    found = next((layout for layout in LAYOUTS if layout.matches(source)), None)
    if found is None:
        known = "; ".join(f"{layout.shape} ({layout.name})" for layout in LAYOUTS)
        raise InputError(
            f"{source.root}: a corpus must have one of the known layouts: {known}; there"
            f" {seen(source.root)}"
        )
    return found

"""`layout: my_corpus.py:load`: a corpus that a person's own function lists.

The function is called with the corpus folder (a `Path`) and returns mappings, one per clip, with
the columns of a manifest: `file_name` (relative to that folder) and `label` (None or "?" where
blind), and where they are known `partition`, `speaker`, `start`, `end` and anything else, which is
kept as metadata.

This runs the file, with all that it may do. It is named in study.yaml or on the command line; no
folder is ever searched for code.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from search_spaces.grammar.errors import InputError
from study.corpus.layouts.manifest import make_row
from study.corpus.layouts.problems import Problems
from study.corpus.layouts.rows import BLIND, Layout, Row, Source
from study.corpus.layouts.tables import canonical


def own_layout(text: str, *, base: Path) -> Layout:
    """The layout that `FILE.py:FUNCTION` names.

    Args:
        text: As in study.yaml.
        base: Folder that FILE is relative to.

    Raises:
        InputError: There is no such file or function, or running the file fails.
    """
    file, _, name = text.rpartition(":")
    path = (base / file).resolve()
    if not path.is_file():
        raise InputError(f"layout: {text!r} must name a Python file that exists, got {path}")
    if path.suffix != ".py":
        raise InputError(f"layout: {text!r} must name a Python file, which ends in .py, got {path}")
    load = _load(path, name, text)

    def read(source: Source, problems: Problems) -> list[Row]:
        try:
            listed = list(load(source.root))
        except (Exception, SystemExit) as error:
            raise InputError(f"layout: {text} raised {type(error).__name__}: {error}") from error
        return _rows(listed, text, source, problems)

    return Layout(name=text, shape="", matches=lambda source: False, read=read)


def _load(path: Path, name: str, text: str) -> Callable[[Path], Any]:
    spec = importlib.util.spec_from_file_location(f"spectune_layout_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[module.__name__] = module  # dataclasses look their module up
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise InputError(f"layout: {text}: {type(error).__name__}: {error}") from error
    load = getattr(module, name, None)
    if not callable(load):
        raise InputError(f"layout: {path} must have a function {name!r}, got {load!r}")
    return load  # type: ignore[no-any-return]


def _rows(listed: list[Any], text: str, source: Source, problems: Problems) -> list[Row]:
    rows = []
    for number, one in enumerate(listed, start=1):
        if not isinstance(one, Mapping):
            rule = "the function must return a mapping per clip"
            problems.add(text, number, rule, f"{one!r:.80}")
            continue
        given = {str(key): str(value) for key, value in one.items() if not _missing(value)}
        cells = dict(zip(canonical(list(given), source.label_column), given.values(), strict=True))
        if "file_name" not in cells:
            problems.add(text, number, "a clip must have a file_name", f"{dict(one)!r:.80}")
            continue
        row = make_row({"label": BLIND} | cells, text, number, problems, folder=source.at(""))
        if row is not None:
            rows.append(row)
    return rows


def _missing(value: Any) -> bool:
    return value is None or value != value  # NaN, as pandas has it

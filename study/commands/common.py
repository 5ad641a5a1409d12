"""What the commands share: how a study is named, and how a line is printed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from search_spaces.grammar.errors import InputError
from study.files import read_object

__all__ = ["Debug", "StudyPath", "config_and_base", "echo", "results_folder"]

StudyPath = Annotated[
    Path, typer.Argument(metavar="STUDY", help="A study.yaml or a results folder.")
]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of a bad input.")]


def results_folder(study: Path) -> Path:
    """Return the results folder of a study.yaml, or the folder itself.

    Raises:
        InputError: There is none; nothing is ever written into another folder.
    """
    if study.is_dir():
        if not (study / "state.json").is_file():
            raise InputError(f"{study}: not a results folder, it has no state.json")
        return study.resolve()
    from study.config import load_config

    config = load_config(study)
    folder = (study.parent / config.results / config.name).resolve()
    if not (folder / "state.json").is_file():
        raise InputError(f"{study}: the study has not been run yet (there is no {folder})")
    return folder


def config_and_base(study: Path, overrides: list[str]) -> tuple[Any, Path]:
    """Return the configuration of a study and the folder that its paths are relative to."""
    from study.config import load_config

    if study.is_dir():
        folder = study.resolve()
        config, base = load_config(folder / "study.yaml", overrides), _base_of(folder)
        if config.name != folder.name:
            raise InputError(
                f"{study}: is the results folder of {config.name!r} under another name; call it"
                f" {config.name}"
            )
        if (base / config.results).resolve() != folder.parent:  # it was moved, or copied
            config = config.model_copy(update={"results": str(folder.parent)})
        return config, base
    return load_config(study, overrides), study.resolve().parent


def _base_of(folder: Path) -> Path:
    """Return the folder of the study.yaml that made a results folder."""
    try:
        return Path(read_object(folder / "state.json")["base"])
    except (KeyError, TypeError) as error:
        raise InputError(f"{folder}: is no results folder of a study: {error}") from error


def echo(text: str) -> None:
    """Print a line, or several."""
    from study.text import printable

    typer.echo(printable(text))

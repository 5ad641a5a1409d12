"""What the commands share: how a study is named, and how a line is printed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from study.locate import config_and_base, load_settings, project_folder, results_folder

__all__ = [
    "Debug",
    "StudyPath",
    "config_and_base",
    "echo",
    "load_settings",
    "project_folder",
    "results_folder",
]

StudyPath = Annotated[
    Path, typer.Argument(metavar="STUDY", help="A study.yaml or a results folder.")
]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of a bad input.")]


def echo(text: str) -> None:
    """Print a line, or several."""
    from study.text import printable

    print(printable(text), flush=True)

"""The command that shows search spaces."""

from __future__ import annotations

from typing import Annotated

import typer

from search_spaces.errors import InputError
from study.commands.common import Debug, echo

__all__ = ["spaces"]


def spaces(
    name: Annotated[str | None, typer.Argument(help="A preset, to print its YAML.")] = None,
    debug: Debug = False,
) -> None:
    """List the search-space presets, or show one.

    Example: spectune spaces small > my-space.yaml
    """
    from search_spaces.kinds import nearest
    from search_spaces.space_yaml import PRESETS, preset_names
    from search_spaces.yaml_file import load_yaml

    if name is None:
        for preset in preset_names():
            echo(f"{preset:12} {load_yaml(PRESETS / f'{preset}.yaml').get('description', '')}")
        return
    if name not in preset_names():
        raise InputError(
            f"no preset {name!r}{nearest(name, preset_names())};"
            f" there are {', '.join(preset_names())}"
        )
    echo((PRESETS / f"{name}.yaml").read_text().rstrip())

"""`docs/reference.md` has every key of study.yaml and every option, each with its default."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
import typer.main
from pydantic import BaseModel

from study.cli import app
from study.config import StudyConfig
from study.files import dump_yaml
from study.planning.init_study import TEMPLATE

ROOT = Path(__file__).parents[2]


def rows(columns: int) -> list[list[str]]:
    """The cells of the table with so many columns, without its head."""
    text = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
    lines = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line] for line in lines if len(line) == columns]
    return cells[2:]


def keys(model: type[BaseModel] = StudyConfig, prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, field in model.model_fields.items():
        kind, name = field.annotation, field.alias or name
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from keys(kind, f"{prefix}{name}.")
        elif field.is_required():
            yield prefix + name, "needed"
        else:
            default = dump_yaml({"it": field.default}).strip().removeprefix("it: ")
            yield prefix + name, f"`{default}`"


def commands() -> Iterator[tuple[str, click.Command]]:
    """Every command by what is typed, those of a group behind its name."""
    for name, command in typer.main.get_command(app).commands.items():
        for own, one in getattr(command, "commands", {"": command}).items():
            yield f"{name} {own}".strip(), one


def options() -> Iterator[tuple[str, frozenset[str], str]]:
    for name, command in commands():
        for option in command.params:
            if option.param_type_name != "option" or "--debug" in option.opts:
                continue
            default = {"None": "", "False": "", "True": "on"}.get(
                str(option.default), f"`{option.default}`"
            )
            names = frozenset([*option.opts, *option.secondary_opts])
            yield f"`{name}`", names, "needed" if option.required else default


def test_every_key_stands_there_with_its_default():
    told = [(key.strip("`"), default) for key, default, about in rows(3) if about]
    assert told == list(keys())


def test_every_option_stands_there_with_its_default():
    told = [
        (command, frozenset(re.findall(r"`([^`]+)`", names)), default)
        for command, names, default, about in rows(4)
        if about
    ]
    assert told == list(options())


def test_every_command_stands_in_the_table_of_the_readme():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    table = "\n".join(line for line in text.splitlines() if line.startswith("| `spectune"))
    named = set(re.findall(r"`spectune ([a-z-]+)", table))
    assert named == set(typer.main.get_command(app).commands)


def test_a_new_study_file_has_every_key():
    named = set(re.findall(r"^(?:# )?([a-z_]+): ", TEMPLATE, re.MULTILINE))
    named |= {
        "name",
        "corpus",
        "layout",
        "protocol",
        "label_column",
        "audio",
        "partitions",
    }  # of the corpus it is for
    fields = StudyConfig.model_fields.items()
    assert named | {"clip_seconds", "sampling_rate"} == {f.alias or name for name, f in fields}

"""Where a study is: the one of a study.yaml, or of its results folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from search_spaces.grammar.errors import InputError
from study.files import read_object

if TYPE_CHECKING:
    from study.config import StudyConfig


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
        raise InputError(
            f"{study}: the study has not been run, or its results were moved or deleted: there is"
            f" no {folder / 'state.json'}"
        )
    return folder


def config_and_base(
    study: Path, overrides: Sequence[str] = (), changes: Mapping[str, Any] | None = None
) -> tuple[StudyConfig, Path]:
    """Return the configuration of a study and the folder that its paths are relative to.

    Args:
        study: A study.yaml or a results folder.
        overrides: As in a command, `key=value`.
        changes: As in a call; see `study.config.changed`.

    Raises:
        InputError: There is no such study, or something in it is wrong.
    """
    from study.config import load_config

    if study.is_dir():
        folder = study.resolve()
        config = load_config(folder / "study.yaml", overrides, changes)
        base = _base_of(folder)
        if config.name != folder.name:
            raise InputError(
                f"{study}: is the results folder of {config.name!r} under another name; call it"
                f" {config.name}"
            )
        if (base / config.results).resolve() != folder.parent:  # it was moved, or copied
            config = config.model_copy(update={"results": str(folder.parent)})
        return config, base
    return load_config(study, overrides, changes), study.resolve().parent


def _base_of(folder: Path) -> Path:
    """Return the folder of the study.yaml that made a results folder."""
    try:
        return Path(read_object(folder / "state.json")["base"])
    except (KeyError, TypeError) as error:
        raise InputError(f"{folder}: is no results folder of a study: {error}") from error

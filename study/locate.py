"""Where a study is, and what of its results folder counts.

A results folder may come from anywhere. A study.yaml that a person names says what is read, run and
written. Given a results folder alone, its copy of study.yaml says values; a path in it counts only
where a study.yaml of the project folder says the same, and code or an address never does.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from search_spaces.grammar.errors import InputError
from study.files import mapping, read_object

if TYPE_CHECKING:
    from study.config import StudyConfig

WEIGHTS = (".safetensors", ".pth", ".pt")
NEAR = 4  # folders above a results folder in which its project is looked for


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


def project_folder(study: Path) -> Path | None:
    """Return the folder that a study belongs to: of its study.yaml, where that is named.

    Of a results folder it is the nearest one above, or else the working directory, with a
    study.yaml whose `results` is where the folder lies; or the working directory, if the study was
    run from there. None: nobody knows it as his own.

    Raises:
        InputError: `state.json` cannot be read.
    """
    if not study.is_dir():
        return study.resolve().parent
    folder, here = study.resolve(), Path.cwd()
    for base in (*folder.parents[:NEAR], here):
        if next(_own_configs(base, folder), None) is not None:
            return base
    state = read_object(folder / "state.json")
    noted = str(state.get("project", state.get("base")))  # as earlier revisions called it
    return here if os.path.normpath(folder / noted) == str(here) else None


def load_settings(
    study: Path, overrides: Sequence[str] = (), changes: Mapping[str, Any] | None = None
) -> StudyConfig:
    """Return the configuration of a study for its values alone; no path in it may be used.

    Raises:
        InputError: There is no such study, or something in it is wrong.
    """
    from study.config import load_config

    if not study.is_dir():
        return load_config(study, overrides, changes)
    config = load_config(study.resolve() / "study.yaml", overrides, changes)
    if config.name != study.resolve().name:
        raise InputError(
            f"{study}: is the results folder of {config.name!r} under another name; call it"
            f" {config.name}"
        )
    return config


def config_and_base(
    study: Path, overrides: Sequence[str] = (), changes: Mapping[str, Any] | None = None
) -> tuple[StudyConfig, Path]:
    """Return the configuration of a study and the folder that its paths are relative to.

    Args:
        study: A study.yaml or a results folder.
        overrides: As in a command, `key=value`.
        changes: As in a call; see `study.config.changed`.

    Raises:
        InputError: There is no such study, something in it is wrong, or it is a results folder that
            names what only a person may.
    """
    config = load_settings(study, overrides, changes)
    if not study.is_dir():
        return config, study.resolve().parent
    folder = study.resolve()
    base = project_folder(folder)
    given = {key.partition("=")[0].partition(".")[0] for key in (*overrides, *(changes or {}))}
    said = {key: value for key, value in _places(config).items() if key not in given}
    owned = any(
        said.items() <= _places(own).items()
        for own in (() if base is None else _own_configs(base, folder))
    )
    if base is None or not owned or said.keys() & {"layout", "storage"}:
        raise InputError(
            f"{study}: a results folder alone may not say what is read or run, and its study.yaml"
            f" does ({', '.join(said)}): name your own study.yaml in place of the folder; if that"
            f" is lost, read {folder / 'study.yaml'}, copy it to {base or 'the project folder'} and"
            f" name the copy"
        )
    return config.model_copy(update={"results": os.path.relpath(folder.parent, base)}), base


def _own_configs(base: Path, folder: Path) -> Iterator[StudyConfig]:
    """Yield what the study.yamls of a folder say whose results lie where `folder` does."""
    from study.config import load_config

    for path in sorted(base.glob("*.y*ml")):
        with contextlib.suppress(InputError, OSError):
            config = load_config(path)
            if (base / config.results).resolve() == folder.parent:
                yield config


def _places(config: StudyConfig) -> dict[str, str]:
    """Return those values of a study.yaml that are paths, addresses or code."""
    from search_spaces.space_yaml import preset_names

    space = config.space
    values = {
        "corpus": config.corpus,
        "partitions": config.partitions,
        "audio": config.audio,
        "layout": config.layout if ":" in (config.layout or "") else None,
        "space": space if isinstance(space, str) else " ".join(_weights(space)),
        "from": config.taken_from,
        "storage": config.storage,
    }
    return {k: v for k, v in values.items() if v and (k, v in preset_names()) != ("space", True)}


def _weights(plain: Any) -> list[str]:
    """Return the files of weights that a space names."""
    if isinstance(plain, Mapping):
        return sorted(text for value in plain.values() for text in _weights(value))
    if isinstance(plain, (list, tuple)):
        return sorted(text for value in plain for text in _weights(value))
    named = isinstance(plain, str) and ("/" in plain or plain.endswith(WEIGHTS))
    return [plain] if named else []


def place_of(folder: Path) -> dict[str, Any]:
    """Return by what a results folder is known again: host, path and inode."""
    inode = folder.stat().st_ino if folder.exists() else None
    return {"host": socket.gethostname(), "folder": str(folder), "inode": inode}


def copied_from(state: Mapping[str, Any], folder: Path) -> str | None:
    """Return the place of the study that a results folder is a copy of; None: it is none.

    It is one if the study still lies where it was, or was on another machine. A folder that was
    moved is none, nor is one that several machines see.

    Args:
        state: Content of its `state.json`.
        folder: Where it lies.
    """
    here = place_of(folder)
    # Earlier revisions noted the folder of study.yaml alone.
    was = {"folder": str(Path(str(state.get("base")), *folder.parts[-2:])), "host": here["host"]}
    was |= mapping(state.get("place"))
    if was["host"] != here["host"]:
        return None if was.get("inode") == here["inode"] else f"{was['host']}:{was['folder']}"
    if was["folder"] == here["folder"]:
        return None
    try:
        if Path(str(was["folder"])).samefile(folder):  # by a link, or mounted twice
            return None
        there = read_object(Path(was["folder"]) / "state.json").get("id")
    except (InputError, OSError, TypeError, ValueError):
        return None
    return str(was["folder"]) if there == state.get("id") else None

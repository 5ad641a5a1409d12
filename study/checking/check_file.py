"""The check of a study's corpus."""

from __future__ import annotations

import json
from pathlib import Path

from study.checking.check import Check, check_corpus, check_of, check_to_json
from study.config import StudyConfig
from study.corpus.corpus import Reading
from study.files import read_json, replace_text
from study.progress import Progress, no_progress

FILE = "check.json"


def reading_of(config: StudyConfig, base: Path) -> Reading:
    """How a study reads its corpus."""
    return Reading(
        corpus=(base / config.corpus).resolve(),
        layout=config.layout,
        partitions=None if config.partitions is None else base / config.partitions,
        label_column=config.label_column,
        base=base,
        audio=None if config.audio is None else base / config.audio,
    )


def expected_digests(folder: Path) -> dict[str, str] | None:
    """SHA-256 of every file when a study began, by file name; None where none has begun."""
    try:
        parts = read_json(folder / "clips.json")["partitions"]
        return {name: sha for part in parts.values() for name, sha, *_ in part["clips"]}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def write_check(
    config: StudyConfig,
    *,
    base: Path,
    folder: Path,
    progress: Progress = no_progress,
) -> Check:
    """Check a study's corpus and keep what was found in its results folder.

    Raises:
        InputError: As `study.checking.check.check_corpus`.
    """
    check = check_corpus(
        reading_of(config, base), expected=expected_digests(folder), progress=progress
    )
    replace_text(folder / FILE, json.dumps(check_to_json(check)))
    return check


def read_check(folder: Path) -> Check | None:
    """What the check of a study found; None where there was none, or by another version."""
    try:
        return check_of(read_json(folder / FILE))
    except (OSError, ValueError, KeyError, TypeError):
        return None
